// The table of all fuzz targets.
#include "tests/fuzz/entries.h"

namespace strandlog::fuzz {

const std::vector<Target>& targets() {
  static const std::vector<Target> kTargets = {{"frame", feed_frame},
                                               {"request", feed_request},
                                               {"answer", feed_answer},
                                               {"peer_message", feed_peer_message},
                                               {"command", feed_command},
                                               {"catalog_row", feed_catalog_row},
                                               {"founding_document", feed_founding_document},
                                               {"configuration", feed_configuration},
                                               {"remembered_stores", feed_remembered_stores},
                                               {"batch", feed_batch},
                                               {"codecs", feed_codecs},
                                               {"entry", feed_entry},
                                               {"journal", feed_journal},
                                               {"segment", feed_segment},
                                               {"options", feed_options}};
  return kTargets;
}

}  // namespace strandlog::fuzz
