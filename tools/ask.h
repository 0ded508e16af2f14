// Questions several commands ask a cluster, with errors that name the next step.
#pragma once

#include <string>
#include <vector>

#include "strandlog/admin.h"
#include "tools/command.h"

namespace strandlog::tools {

/// Adds who was asked and what to try next to an error of `what` ("listing topics").
Error explained(const Invocation& invocation, const Error& error);

/// The topic's row of the catalog. kNotFound names close ones and how to create it.
Result<client::TopicSummary> find_topic(const Invocation& invocation, client::Admin& admin,
                                        const std::string& topic);

}  // namespace strandlog::tools
