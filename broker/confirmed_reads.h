// ConfirmedReads: requests that wait until this broker is known to lead the catalog still.
#pragma once

#include <functional>
#include <map>

#include "broker/context.h"

namespace strandlog::broker {

/// A read index of the catalog (Raft thesis 6.4). A leader that was deposed without knowing, or
/// that has not applied all yet, would deny what another has made long ago. At most 1000 wait, each
/// with one request: a metadata request of at most 0.3 MB (wire::kMaxTopicsAsked names), or a name
/// and settings; so 0.3 GB of strangers' names at most.
class ConfirmedReads {
 public:
  using Then = std::function<void()>;
  using Otherwise = std::function<void(const wire::WireError&)>;

  explicit ConfirmedReads(Context& context) : context_(context) {}

  /// Runs `then` once a majority has said, after this call, that `catalog` leads, and all that was
  /// committed before is applied; it answers `to`. If that is not to be had, `otherwise` is told
  /// why, or, without one, `to` is: kNotLeader or kNoLeader, kTimeout at the deadline, kBusy when
  /// 1000 wait.
  void wait(const ReplyTo& to, Replica& catalog, Time deadline, Then then,
            Otherwise otherwise = {});

  void on_read_index(const raft::ReadReady& ready);
  void applied();  ///< the catalog has more
  void expire();

 private:
  struct Waiting {
    ReplyTo to;
    GroupId group;  ///< the catalog's
    Time deadline;
    Then then;
    Otherwise otherwise;
    std::optional<Index> confirmed;  ///< what must be applied; none while nobody has answered
  };

  void refuse(const Waiting& waiting, const wire::WireError& error);

  Context& context_;
  uint64_t next_token_ = 0;
  std::map<uint64_t, Waiting> waiting_;  ///< by token
};

}  // namespace strandlog::broker
