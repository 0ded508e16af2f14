// Aborts: what a process that aborted was about, from what it said last.
#pragma once

#include <string>

namespace strandlog::sim {

/// Of what it wrote to stderr: "CHECK raft/log_view.cc:12: condition", with the path from the root
/// of the sources; "ABORTED: " and the last line when no CHECK failed.
std::string why_aborted(const std::string& said);

}  // namespace strandlog::sim
