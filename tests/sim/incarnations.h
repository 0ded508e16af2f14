// Incarnations: topics that were made under one name, one after the other, told apart.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace strandlog::sim {

/// The first topic of a name is called as its name, those after it "name#2", "name#3": the words
/// of a history. One thread.
class Incarnations {
 public:
  /// `id` as the catalog gave it. Again the same: nothing new.
  void made(const std::string& name, const std::string& id) {
    if (by_id_.contains(id)) return;
    uint64_t number = ++made_[name];
    by_id_[id] = now_[name] = number == 1 ? name : name + "#" + std::to_string(number);
  }
  /// The one made last under this name; the name itself when there was none.
  std::string now(const std::string& name) const {
    auto found = now_.find(name);
    return found == now_.end() ? name : found->second;
  }
  /// Empty when nobody was told of it.
  std::string of(const std::string& id) const {
    auto found = by_id_.find(id);
    return found == by_id_.end() ? "" : found->second;
  }

 private:
  std::map<std::string, uint64_t> made_;
  std::map<std::string, std::string> now_, by_id_;
};

}  // namespace strandlog::sim
