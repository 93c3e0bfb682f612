// What the machine can do at most, per CPU second: multiplications in float by the fastest matrix
// product there is, and copies of memory.
#pragma once

#include "kernels/cpu/aligned.hpp"
#include "kernels/cpu/isa.hpp"

#include <memory>
#include <string>
#include <vector>

namespace alsatian::bench {

/// Per second of CPU time, while as many threads as the process uses run at once.
struct Rates {
  double flops = 0;
  double bytes = 0;  // read and written by memcpy: twice its size
};

/// One thread's part of a matrix product.
class Product {
 public:
  virtual ~Product() = default;
  virtual std::string name() const = 0;
  /// Multiplications and additions of one call.
  virtual double flops() const = 0;
  virtual void multiply(int thread) = 0;
};

/// Measures for some tens of milliseconds at a time, so that it can be done between other things.
class Limits {
 public:
  /// Tries every product that was built in, and keeps the fastest. small: with sizes for tests.
  explicit Limits(bool small);
  ~Limits();

  Rates measure();
  /// "OpenBLAS sgemm 1024": the product that was kept.
  std::string product() const { return product_->name(); }
  /// Every product with its FLOP/s per CPU second.
  const std::vector<std::pair<std::string, double>>& tried() const { return tried_; }

 private:
  double flop_rate(Product& product) const;
  double byte_rate();

  std::unique_ptr<Product> product_;
  std::vector<std::pair<std::string, double>> tried_;
  std::vector<std::vector<char>> from_;
  std::vector<std::vector<char>> to_;
  bool small_ = false;
};

}  // namespace alsatian::bench
