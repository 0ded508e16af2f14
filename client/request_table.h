// RequestTable: requests under way, each with its link, deadline and handler.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/env.h"
#include "client/backoff.h"
#include "strandlog/result.h"
#include "wire/messages.h"

namespace strandlog::client {

/// What became of a request.
struct Reply {
  /// No answer came: kTimeout, kUnreachable or kBusy. `written` is kNo when it never left here.
  std::optional<Error> failure;
  wire::Answer answer;  ///< valid without `failure`; may carry an error of the broker's
  std::vector<Bytes> blobs;
};
using ReplyHandler = std::function<void(Reply)>;

struct Outgoing {
  std::string address;
  wire::RequestBody body;
  std::vector<Bytes> blobs;
  Time deadline;
  uint64_t minimum_catalog_index = 0;
  /// Without an answer in time the link is dropped, and with it what still waits in its queue: a
  /// request that is to be sent again must not arrive late by itself.
  bool drop_link_on_timeout = false;
};

/// One link per address, made when first wanted. A link that goes down is closed, its outstanding
/// requests fail at once (written: maybe), and a new one is made after a back-off while somebody
/// wants it. Handlers run inside handle() and turn(), never inside send().
class RequestTable {
 public:
  RequestTable(Transport& transport, std::string client_id)
      : transport_(transport), client_id_(std::move(client_id)) {}
  RequestTable(const RequestTable&) = delete;
  RequestTable& operator=(const RequestTable&) = delete;

  /// Connects, if that has not happened yet.
  void want(Time now, const std::string& address);
  bool is_up(const std::string& address) const;
  /// Sends now, or as soon as the link is up. The handler is called exactly once, unless cancelled.
  uint64_t send(Time now, Outgoing outgoing, ReplyHandler handler);
  /// Sends over a link that is up and expects no answer. False: not sent.
  bool send_only(Time now, Outgoing outgoing);
  /// Whether it failed already; its handler is told in turn().
  bool has_failed(uint64_t id) const;
  /// Its handler will not be called.
  void cancel(uint64_t id);

  void handle(Time now, NetEvent event);
  /// Expires deadlines, connects again, delivers failures.
  void turn(Time now);
  Time next_deadline() const;
  /// Named in requests from now on.
  void set_cluster(const ClusterId& cluster) { cluster_ = cluster; }

 private:
  enum class State { kIdle, kConnecting, kUp };
  struct Link {
    State state = State::kIdle;
    LinkId id;
    Time not_before;  ///< kIdle: connect again then
    Backoff backoff;
    std::deque<std::pair<uint64_t, Outgoing>> waiting;  ///< until the link is up
  };
  struct Pending {
    std::string address;
    LinkId link;  ///< it was sent on; 0: waits
    Time deadline;
    bool drop_link_on_timeout = false;
    ReplyHandler handler;
  };

  void connect(Link& link, const std::string& address);
  void dispatch(Time now, Link& link, uint64_t id, Outgoing outgoing);
  bool transmit(Time now, LinkId link, uint64_t id, Outgoing outgoing);
  void went_up(Time now, const std::string& address);
  void drop(Time now, const std::string& address, const std::string& reason);
  void fail(uint64_t id, Error error);
  void deliver();
  void answered(const NetEvent& event);
  void expire(Time now);

  Transport& transport_;
  std::string client_id_;
  ClusterId cluster_;
  uint64_t next_id_ = 1;
  std::map<std::string, Link> links_;
  std::map<LinkId, std::string> addresses_;
  std::map<uint64_t, Pending> pending_;
  std::set<std::pair<Time, uint64_t>> deadlines_;
  struct Failed {
    uint64_t id = 0;
    ReplyHandler handler;
    Error error;
  };
  std::deque<Failed> failed_;
};

}  // namespace strandlog::client
