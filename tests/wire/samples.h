// Sample values of every wire struct, empty and full, for tests and seed corpora.
#pragma once

#include <string>
#include <vector>

#include "wire/messages.h"

namespace strandlog::wire {

std::vector<Request> sample_requests();
std::vector<Answer> sample_answers();
std::vector<PeerMessage> sample_peer_messages();
std::vector<catalog::Command> sample_commands();
std::vector<catalog::Row> sample_catalog_rows();
std::vector<FoundingDocument> sample_documents();
std::vector<Configuration> sample_configurations();
std::vector<std::vector<RememberedStore>> sample_remembered_stores();

}  // namespace strandlog::wire
