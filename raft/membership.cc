// Look-ups in a group's membership.
#include "raft/membership.h"

#include <algorithm>

namespace strandlog::raft {
namespace {

const Member* find_in(const std::vector<Member>& members, Uid uid) {
  auto it = std::find_if(members.begin(), members.end(),
                         [&](const Member& member) { return member.uid == uid; });
  return it == members.end() ? nullptr : &*it;
}

}  // namespace

bool Membership::is_voter(Uid uid) const {
  return find_in(voters, uid) != nullptr || find_in(outgoing, uid) != nullptr;
}

const Member* Membership::find(Uid uid) const {
  if (const Member* member = find_in(voters, uid)) return member;
  if (const Member* member = find_in(outgoing, uid)) return member;
  return find_in(learners, uid);
}

std::vector<Member> Membership::all() const {
  std::vector<Member> members;
  for (const std::vector<Member>* part : {&voters, &outgoing, &learners}) {
    for (const Member& member : *part) {
      if (find_in(members, member.uid) == nullptr) members.push_back(member);
    }
  }
  return members;
}

}  // namespace strandlog::raft
