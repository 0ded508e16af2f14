// Error conversion.
#include "client/error.h"

#include <gtest/gtest.h>

namespace strandlog::client {
namespace {

TEST(ClientError, KeepsNumberAndNameOfEveryCode) {
  for (uint16_t n = 1; n <= 24; ++n) {
    auto base = static_cast<strandlog::Code>(n);
    EXPECT_EQ(static_cast<uint16_t>(public_code(base)), n);
    EXPECT_EQ(base_code(public_code(base)), base);
    EXPECT_EQ(code_name(public_code(base)), strandlog::code_name(base));
  }
}

TEST(ClientError, TakesRetryFromTheCode) {
  EXPECT_EQ(public_error(strandlog::Code::kBusy, "").retry, Retry::kSafe);
  EXPECT_EQ(public_error(strandlog::Code::kTooLarge, "").retry, Retry::kNever);
}

}  // namespace
}  // namespace strandlog::client
