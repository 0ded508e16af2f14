// Questions several commands ask a cluster, with errors that name the next step.
#include "tools/ask.h"

#include <algorithm>

#include "base/option_types.h"
#include "base/printable.h"

namespace strandlog::tools {

Error explained(const Invocation& invocation, const Error& error) {
  std::string text = error.text;
  switch (exit_of(error.code)) {
    case Exit::kUnreachable:
      text += "\n  asked " + invocation.servers_text();
      text +=
          error.code == Code::kBlank
              ? "\n  found the cluster: strandlog cluster found -s A,B,C"
              : "\n  is one running? strandlog dev status      start some: strandlog dev up -n 3"
                "\n  ask others: -s HOST:PORT,…      wait longer: --timeout 30s";
      break;
    case Exit::kNotFound:
      if (error.code == Code::kNotFound) text += "\n  what exists: strandlog topic list";
      break;
    case Exit::kDone:
    case Exit::kFailed:
    case Exit::kUsage:
    case Exit::kDenied:
    case Exit::kConflict:
    case Exit::kPartial:
    case Exit::kCorruption:
    case Exit::kUnavailable:
    case Exit::kDegraded:
    case Exit::kInterrupted:
      break;
  }
  return Error{error.code, std::move(text)};
}

Result<client::TopicSummary> find_topic(const Invocation& invocation, client::Admin& admin,
                                        const std::string& topic) {
  auto found = lift(admin.find_topic(topic));
  if (found.ok()) return std::move(*found);
  if (found.error().code != Code::kNotFound) return explained(invocation, found.error());
  std::vector<std::string> names;
  if (auto topics = admin.list_topics(); topics.ok()) {
    for (const auto& summary : *topics) names.push_back(summary.name);
  }
  std::string text = "topic \"" + printable(topic) + "\" does not exist (asked " +
                     invocation.servers_text() + ")" + did_you_mean(topic, names);
  text += "\n  create it: strandlog topic create " + printable(topic) +
          "      what exists: strandlog topic list";
  return Error{Code::kNotFound, std::move(text)};
}

}  // namespace strandlog::tools
