// What a terminal may be shown.
#include "base/printable.h"

#include <gtest/gtest.h>

namespace strandlog {
namespace {

TEST(Printable, EscapesControlCharactersAndBadBytes) {
  EXPECT_EQ(printable("plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x99\x82"),
            "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x99\x82");
  EXPECT_EQ(printable("a\x1b[31m\x07\x7f"), "a\\x1b[31m\\x07\\x7f");
  EXPECT_EQ(printable("\n\r\t"), "\\n\\r\\t");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(printable("\x9b\xff\xc3"), "\\x9b\\xff\\xc3");
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
}

TEST(Printable, KeepsWhatItIsTold) { EXPECT_EQ(printable("a\n\tb", "\n"), "a\n\\tb"); }

}  // namespace
}  // namespace strandlog
