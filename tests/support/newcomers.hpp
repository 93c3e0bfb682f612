// A model whose only user is somebody who was folded in, beside the model that it was made from.
// The program needs one of both at a time, tests compare them.
#pragma once

#include "host/train/fold_in.hpp"

namespace alsatian::testing {

inline Model model_of_user(const FoldIn& folded, Model model) {
  folded.replace_users(model);
  return model;
}

}  // namespace alsatian::testing
