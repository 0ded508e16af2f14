// The fuzz entry functions, one per decoder of outside bytes; libFuzzer and the replay test call
// the same ones.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace strandlog::fuzz {

/// Feeds `input` to one decoder, as it is and again with its checksums made right; stops the
/// process when an invariant of the decoder breaks.
using Entry = void (*)(ByteView input);

struct Target {
  std::string name;  ///< also the folder of its corpus
  Entry entry;
};

const std::vector<Target>& targets();

// frames.cc: what is accepted survives another round
void feed_frame(ByteView input);
void feed_request(ByteView input);
void feed_answer(ByteView input);
void feed_peer_message(ByteView input);
void feed_command(ByteView input);
void feed_catalog_row(ByteView input);
void feed_founding_document(ByteView input);
void feed_configuration(ByteView input);
void feed_remembered_stores(ByteView input);

void feed_batch(ByteView input);    // batch.cc
void feed_codecs(ByteView input);   // codecs.cc
void feed_entry(ByteView input);    // entry.cc
void feed_journal(ByteView input);  // journal.cc
void feed_segment(ByteView input);  // segment.cc
void feed_options(ByteView input);  // options.cc

}  // namespace strandlog::fuzz
