// AnyBroker: one request to whichever broker answers, repeated until it succeeds or time is up.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/backoff.h"
#include "client/request_table.h"

namespace strandlog::client {

struct AnyReply {
  std::optional<Error> failure;
  wire::Answer answer;    ///< valid without `failure`, and without an error of its own
  bool repeated = false;  ///< an earlier attempt may have taken effect
};
using AnyHandler = std::function<void(AnyReply)>;

/// Stays with a broker that answers; goes on to the next after a failure or to the leader a broker
/// names; 50 to 500 ms between attempts. An error that cannot pass by itself ends it at once.
/// kUnreachable, naming the addresses, when no broker at all answered within the connect timeout.
class AnyBroker {
 public:
  struct Limits {
    int64_t connect_timeout_ms = 5000;
    int64_t attempt_ms = 1000;  ///< for one answer, then the next broker is asked
  };
  AnyBroker(RequestTable& requests, std::vector<std::string> servers, Limits limits);
  AnyBroker(const AnyBroker&) = delete;
  AnyBroker& operator=(const AnyBroker&) = delete;

  /// The handler runs inside a later handle() or turn() of the table or of this. `attempt_ms` 0:
  /// as in the limits.
  uint64_t ask(Time now, wire::RequestBody body, Time deadline, AnyHandler handler,
               int64_t attempt_ms = 0);
  void cancel(uint64_t id);
  /// Another address to try, learned from metadata.
  void learn(const std::string& address);
  /// The broker that answered last does not know what is looked for: the next one is asked first.
  void turn_to_another() { next_server(); }
  /// Asks this one first from now on.
  void turn_to(const std::string& address);
  void turn(Time now);
  Time next_deadline() const;
  /// Metadata older than this is refused by the brokers (kStale) and asked for again.
  void require_catalog(uint64_t index) { catalog_index_ = std::max(catalog_index_, index); }
  std::string addresses() const;  ///< "A, B", for error texts
  const Limits& limits() const { return limits_; }

 private:
  struct Inquiry {
    wire::RequestBody body;
    Time started;
    Time deadline;
    int64_t attempt_ms = 0;
    AnyHandler handler;
    uint64_t request = 0;  ///< the attempt under way; 0: none
    Time not_before;
    Backoff backoff;
    std::string hint;  ///< ask this one next
    Time hint_until;
    std::optional<Error> last_error;
    bool heard = false;
    bool repeated = false;
  };

  void attempt(Time now, uint64_t id, Inquiry& inquiry);
  std::string choose(Time now, Inquiry& inquiry);
  void on_reply(uint64_t id, Reply reply);
  void on_error(Inquiry& inquiry, const wire::WireError& error);
  void finish(uint64_t id, AnyReply reply);
  Error give_up(const Inquiry& inquiry) const;
  void next_server();

  RequestTable& requests_;
  Limits limits_;
  std::vector<std::string> servers_;
  size_t cursor_ = 0;
  Time now_;
  uint64_t catalog_index_ = 0;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Inquiry> inquiries_;
};

}  // namespace strandlog::client
