// Between raft's messages and their flat form on the wire.
#pragma once

#include "base/result.h"
#include "raft/message.h"
#include "wire/messages.h"

namespace strandlog::broker {

wire::RaftMessage to_wire(const raft::Message& message);
/// An Append comes back without its runs: the caller reads them from the entries beside it.
raft::Message from_wire(const wire::RaftMessage& message);

wire::Configuration to_wire(const raft::Membership& members);
raft::Membership from_wire(const wire::Configuration& configuration, Index index);

}  // namespace strandlog::broker
