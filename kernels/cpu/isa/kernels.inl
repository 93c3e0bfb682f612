// Everything that is compiled once per instruction set; included by one file for each.
// All of it has internal linkage except the table.

#include "kernels/cpu/isa/als.inl"
#include "kernels/cpu/isa/least_squares.inl"
#include "kernels/cpu/isa/normals.inl"
#include "kernels/cpu/isa/pair_dots.inl"
#include "kernels/cpu/isa/row_sum.inl"
#include "kernels/cpu/isa/sgd.inl"
#include "kernels/cpu/isa/table_products.inl"
#include "kernels/cpu/isa/top_items.inl"
#include "kernels/cpu/kernel_table.hpp"
#include "kernels/math/likelihood.hpp"

#define ALSATIAN_JOIN_(a, b) a##b
#define ALSATIAN_JOIN(a, b) ALSATIAN_JOIN_(a, b)

namespace alsatian::cpu {

extern const KernelTable ALSATIAN_JOIN(kernels_, ALSATIAN_ISA);

const KernelTable ALSATIAN_JOIN(kernels_, ALSATIAN_ISA) = {
    .isa = Isa::ALSATIAN_ISA,
    .als_scratch = als_scratch,
    .als_row = als_row,
    .sgd_block = {{sgd_block<Gaussian, false>, sgd_block<Gaussian, true>},
                  {sgd_block<Laplace, false>, sgd_block<Laplace, true>},
                  {sgd_block<Poisson, false>, sgd_block<Poisson, true>},
                  {sgd_block<Bernoulli, false>, sgd_block<Bernoulli, true>}},
    .jacobian_row = jacobian_row,
    .gradient_row = gradient_row,
    .row_sum = row_sum<RowSumTask>,
    .row_sum_part = row_sum_part<RowSumTask>,
    .narrow_row_sum = row_sum<NarrowRowSumTask>,
    .narrow_row_sum_part = row_sum_part<NarrowRowSumTask>,
    .add_products = add_products,
    .combine_rows = combine_rows,
    .pair_dots = pair_dots,
    .squared_error = squared_error,
    .draw_normals = draw_normals,
    .score_panel = score_panel,
    .thin_selection = thin_selection,
};

}  // namespace alsatian::cpu
