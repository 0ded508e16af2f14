// The bounds of a StateStore; see state_store.h.
#include "store/state_store.h"

namespace strandlog::store {
namespace {

Error over(const std::string& what, size_t bytes, size_t bound) {
  return {Code::kTooLarge,
          what + " has " + std::to_string(bytes) + " bytes, the bound is " + std::to_string(bound)};
}

}  // namespace

Result<void> check_machine(std::string_view machine) {
  if (machine.empty()) return Error{Code::kInvalidArgument, "a state machine has no name"};
  if (machine.size() > kMaxMachineName) {
    return over("the name of a state machine", machine.size(), kMaxMachineName);
  }
  return {};
}

Result<void> check_batch(std::string_view machine, const StateBatch& batch) {
  TRY(check_machine(machine));
  std::string of = " of state machine " + std::string(machine);
  for (const StateBatch::Change& change : batch.changes()) {
    if (change.key.empty()) return Error{Code::kInvalidArgument, "a key" + of + " is empty"};
    if (change.key.size() > kMaxStateKey) {
      return over("a key" + of, change.key.size(), kMaxStateKey);
    }
    if (change.value && change.value->size() > kMaxStateValue) {
      return over("a value" + of, change.value->size(), kMaxStateValue);
    }
  }
  if (batch.byte_count() > kMaxStateBatch) {
    return over("a batch" + of, batch.byte_count(), kMaxStateBatch);
  }
  return {};
}

}  // namespace strandlog::store
