// Development clusters: shape, files and processes.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tools/dev_cluster.h"
#include "tools/dev_process.h"

namespace strandlog::tools {
namespace {

using std::chrono::milliseconds;

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = std::filesystem::temp_directory_path().string() + "/dev_test.XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

TEST(DevProcess, StartsApartAndSeesEveryState) {
  TempDirectory directory;
  const auto process =
      start_detached({"/bin/sh", "-c", "echo started; exec sleep 100"}, directory / "log");
  ASSERT_TRUE(process.ok()) << process.error().text;
  EXPECT_EQ(process_state(*process), ProcessState::kRunning);
  // The child makes its session by itself, a moment after it exists.
  const int64_t most_polls = 10'000'000;
  for (int64_t i = 0; i < most_polls && ::getsid(process->pid) != process->pid; ++i) sched_yield();
  EXPECT_EQ(::getsid(process->pid), process->pid);

  ASSERT_TRUE(send_signal(*process, SIGKILL).ok());
  EXPECT_TRUE(wait_gone(*process, milliseconds{10000}));
  EXPECT_EQ(send_signal(*process, SIGTERM).error().code, Code::kNotFound);
}

TEST(DevProcess, IsNotGoneWhileAThreadOutlivesTheFirst) {
  TempDirectory directory;
  const auto process =
      start_detached({"/bin/sh", "-c",
                      "exec python3 -c 'import ctypes, threading, time\n"
                      "threading.Thread(target=time.sleep, args=(100,), daemon=True).start()\n"
                      "ctypes.CDLL(None).pthread_exit(None)'"},
                     directory / "log");
  ASSERT_TRUE(process.ok()) << process.error().text;
  const std::string status = "/proc/" + std::to_string(process->pid) + "/status";
  const auto first_thread_ended = [&] {
    const auto text = read_file(status);
    return text.ok() && text->find("State:\tZ") != std::string::npos;
  };
  const int64_t most_polls = 10'000'000;
  for (int64_t i = 0; i < most_polls && !first_thread_ended(); ++i) sched_yield();
  ASSERT_TRUE(first_thread_ended());
  EXPECT_EQ(process_state(*process), ProcessState::kRunning);

  ASSERT_TRUE(send_signal(*process, SIGKILL).ok());
  EXPECT_TRUE(wait_gone(*process, milliseconds{10000}));
}

TEST(DevProcess, NeverTakesANumberWithAnotherStartTimeForItsOwn) {
  auto self = identify(::getpid());
  ASSERT_TRUE(self.ok());
  EXPECT_EQ(process_state(*self), ProcessState::kRunning);
  ++self->start;
  EXPECT_EQ(process_state(*self), ProcessState::kGone);
  EXPECT_EQ(send_signal(*self, SIGKILL).error().code, Code::kNotFound);
}

TEST(DevCluster, RecordsItsShapeAndRefusesAnother) {
  TempDirectory directory;
  {
    auto made = DevCluster::open_or_make(directory / "D", 2, 20000);
    ASSERT_TRUE(made.ok()) << made.error().text;
    EXPECT_EQ(made->endpoint(2), "127.0.0.1:20010");
  }
  EXPECT_EQ(DevCluster::open_or_make(directory / "D", std::nullopt, std::nullopt)->size(), 2);
  const auto other = DevCluster::open_or_make(directory / "D", 3, std::nullopt);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, Code::kConflict);
}

TEST(DevCluster, WritesOneConfigurationPerBroker) {
  TempDirectory directory;
  const auto cluster = DevCluster::open_or_make(directory / "D", 2, 20000);
  ASSERT_TRUE(cluster.ok());
  const auto text = read_file(directory / "D/broker-2.conf");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "broker.id = 2\ndata.dir = " + cluster->data_path(2) +
                       "\nlisten = 127.0.0.1:20010\nlisten.peer = 127.0.0.1:20110\n"
                       "seeds = 127.0.0.1:20100,127.0.0.1:20110\n");
}

TEST(DevCluster, RefusesADirectoryWithoutOneOrWithDamage) {
  TempDirectory directory;
  EXPECT_EQ(DevCluster::open(directory / "none").error().code, Code::kNotFound);
  std::filesystem::create_directory(directory / "bad");
  for (const char* text : {"", "[]", "{}", R"({"port_base":1,"brokers":[]})",
                           R"({"port_base":"x","brokers":[{"pid":1,"start":2}]})"}) {
    ASSERT_TRUE(write_file(directory / "bad/dev.json", text).ok());
    EXPECT_EQ(DevCluster::open(directory / "bad").error().code, Code::kCorruption) << text;
  }
}

TEST(DevCluster, WipesTheDataOfAStoppedBrokerAlone) {
  TempDirectory directory;
  auto cluster = DevCluster::open_or_make(directory / "D", 2, 20000);
  ASSERT_TRUE(cluster.ok());
  for (const char* name : {"D/broker-1", "D/broker-2"})
    std::filesystem::create_directories(directory / name);
  // Stands in for the daemon: it is given --config FILE and stays.
  ASSERT_TRUE(write_file(directory / "daemon", "#!/bin/sh\nexec sleep 100\n").ok());
  ::chmod((directory / "daemon").c_str(), 0700);
  ASSERT_TRUE(cluster->start(1, directory / "daemon").ok());

  EXPECT_EQ(cluster->wipe(1).error().code, Code::kConflict);
  EXPECT_TRUE(cluster->wipe(2).ok());
  EXPECT_TRUE(std::filesystem::exists(directory / "D/broker-1"));
  EXPECT_FALSE(std::filesystem::exists(directory / "D/broker-2"));

  EXPECT_TRUE(cluster->pause(1).ok());
  EXPECT_EQ(cluster->state(1), ProcessState::kPaused);
  cluster->terminate(1);
  EXPECT_TRUE(cluster->wait_stopped(1, milliseconds{10000}).ok());
}

TEST(DevCluster, RefusesADirectoryThatNoConfigurationCanName) {
  TempDirectory directory;
  for (const char* name : {"a #b", "a\nb", "blank "}) {
    const auto made = DevCluster::open_or_make(directory / name, 1, 20000);
    ASSERT_FALSE(made.ok()) << name;
    EXPECT_EQ(made.error().code, Code::kInvalidArgument);
    EXPECT_FALSE(std::filesystem::exists(directory / name));
  }
  EXPECT_EQ(DevCluster::open_or_make("", 1, 20000).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(DevCluster::open_or_make(directory / "with blanks/below/", 1, 20000).ok());
}

TEST(DevCluster, NamesThePortThatIsTaken) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&where), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&where), &size), 0);
  const int port = ntohs(where.sin_port);
  TempDirectory directory;
  auto cluster = DevCluster::open_or_make(directory / "D", 1, port);
  ASSERT_TRUE(cluster.ok());

  const auto checked = cluster->check_ports(1);

  ASSERT_FALSE(checked.ok());
  EXPECT_EQ(checked.error().code, Code::kConflict);
  EXPECT_NE(checked.error().text.find("port " + std::to_string(port) + ", for the clients"),
            std::string::npos);
  ::close(listener);
}

TEST(DevCluster, RemovesOnlyWhatItMade) {
  TempDirectory directory;
  auto cluster = DevCluster::open_or_make(directory / "D", 1, 20000);
  ASSERT_TRUE(cluster.ok());
  std::filesystem::create_directories(directory / "D/broker-1/segments");
  ASSERT_TRUE(write_file(directory / "D/mine.txt", "keep").ok());

  ASSERT_TRUE(cluster->remove_all().ok());

  EXPECT_TRUE(std::filesystem::exists(directory / "D/mine.txt"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory / "D"), {}), 1);
}

}  // namespace
}  // namespace strandlog::tools
