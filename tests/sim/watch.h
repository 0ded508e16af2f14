// Watch: sees every message on the wire and judges what no client can see.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/network.h"
#include "tests/sim/registry.h"
#include "tests/sim/told.h"
#include "wire/messages.h"

namespace strandlog::sim {

/// What a broker promised by an answer that is leaving it now.
struct Promise {
  wire::TopicPartition where;
  Offset offset;     ///< of the first record
  uint8_t acks = 0;  ///< as in the request
};

/// A vote that is leaving now: for a candidate, or for itself, in what it asks others for.
struct VoteSeen {
  std::string host;  ///< of the voter
  Uid voter, candidate;
  Term term;
};

/// The first append of a leader in its term, leaving now.
struct LeaderSeen {
  std::string host;
  GroupId group;
  Term term;
};

/// I14 of what brokers say to each other: one leader per group and term, one vote per replica and
/// term; who they are goes to a Registry. Of what they say to clients, marks go to a Told and a
/// sample of promises to others who look into it. One thread.
class Watch {
 public:
  void saw(const Sighting& sighting);
  /// The next acknowledgement of a request sent from now on goes to `look`, before it is delivered.
  void sample_promise(std::function<void(const Promise&)> look);
  /// The next vote of a candidate for itself and the next one granted to another go to `look`.
  void sample_votes(const std::function<void(const VoteSeen&)>& look) {
    own_vote_look_ = granted_vote_look_ = look;
  }
  /// Calls `then` with the next vote granted to another; it is called from inside a send.
  void await_vote(std::function<void(const VoteSeen&)> then) { votes_awaited_.push_back(then); }
  /// The same with the next leader that sends its first append.
  void await_leader(std::function<void(const LeaderSeen&)> then) {
    leaders_awaited_.push_back(then);
  }
  /// The host that sent entries last; none yet.
  const std::optional<std::string>& busy_leader() const { return busy_leader_; }
  const std::vector<std::string>& violations() const { return violations_; }
  const Told& told() const { return told_; }
  Registry& registry() { return registry_; }
  const Registry& registry() const { return registry_; }
  /// In bytes, of all that brokers were sent.
  uint64_t longest_message() const { return longest_message_; }
  /// What clients asked, leaving out records, polls and who leads what.
  uint64_t questions() const { return questions_; }
  uint64_t votes() const { return votes_.size(); }
  uint64_t leaderships() const { return leaders_.size(); }
  /// In how many terms each group was led.
  std::map<GroupId, uint64_t> terms_led() const;
  /// Of the highest term in which it was led.
  struct Leadership {
    Term term;
    Uid leader;
  };
  std::optional<Leadership> newest_leadership(const GroupId& group) const;

 private:
  void saw_peer(const Sighting& sighting);
  void saw_request(const Sighting& sighting);
  void saw_answer(const Sighting& sighting);
  void look_for_promise(const Sighting& sighting, const wire::Answer& answer);
  /// True when no leader of this term was known.
  bool leads(const GroupId& group, Term term, Uid leader);
  void vote_leaves(const VoteSeen& seen);

  std::map<std::pair<GroupId, Term>, Uid> leaders_;
  std::map<std::pair<Uid, Term>, Uid> votes_;
  std::function<void(const Promise&)> look_;
  std::function<void(const VoteSeen&)> own_vote_look_, granted_vote_look_;
  std::vector<std::function<void(const VoteSeen&)>> votes_awaited_;
  std::vector<std::function<void(const LeaderSeen&)>> leaders_awaited_;
  std::optional<std::string> busy_leader_;
  std::map<std::pair<uint64_t, uint64_t>, uint8_t> asked_;  ///< (connection, request) → acks
  Told told_;
  Registry registry_;
  uint64_t longest_message_ = 0;
  uint64_t questions_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace strandlog::sim
