# Requests of clients and the answers to them.
@0xa24228129e2a51ca;

using Cxx = import "/capnp/c++.capnp";
using Common = import "common.capnp";
$Cxx.namespace("strandlog::wire::schema");

# ------------------------------------------------------------------------------------ requests

struct MetadataRequest {
  topics @0 :List(Text);
  all @1 :Bool;
  complete @2 :Bool;
}

struct ProduceRequest {
  acks @0 :UInt8;
  items @1 :List(Item);

  struct Item {
    where :group {
      topic :group {
        a @0 :UInt64;
        b @1 :UInt64;
      }
      partition @2 :UInt32;
    }
    frames @3 :UInt32;
    attempt @4 :UInt32;
  }
}

struct FetchRequest {
  maxWaitMs @0 :UInt32;
  minBytes @1 :UInt32;
  maxBytes @2 :UInt32;
  items @3 :List(Item);

  struct Item {
    where :group {
      topic :group {
        a @0 :UInt64;
        b @1 :UInt64;
      }
      partition @2 :UInt32;
    }
    from @3 :UInt64;
    maxBytes @4 :UInt32;
  }
}

struct CreateTopicRequest {
  name @0 :Text;
  partitions @1 :UInt32;
  replication @2 :UInt32;
  settings @3 :List(Common.Setting);
}

struct FoundRequest {
  step @0 :Step;
  document @1 :Common.FoundingDocument;

  enum Step {
    inspect @0;
    prepare @1;
    commit @2;
  }
}

struct Request {
  kind @0 :Common.RootKind;
  version @1 :UInt16;
  deadlineMs @2 :UInt32;
  id @3 :UInt64;
  cluster :group {
    a @4 :UInt64;
    b @5 :UInt64;
  }
  traceId @6 :UInt64;
  minimumCatalogIndex @7 :UInt64;
  clientId @8 :Text;
  body :union {
    metadata @9 :MetadataRequest;
    produce @10 :ProduceRequest;
    fetch @11 :FetchRequest;
    listOffsets @12 :List(Common.TopicPartition);
    createTopic @13 :CreateTopicRequest;
    deleteTopic @14 :Text;
    describePartitions @15 :List(Common.TopicPartition);
    status @16 :Void;
    found @17 :FoundRequest;
  }
}

# ------------------------------------------------------------------------------------- answers

struct WireError {
  code @0 :UInt16;  # the numbers of base/result.h
  text @1 :Text;
  leader @2 :UInt64;
  leaderAddress @3 :Text;
}

struct MetadataAnswer {
  cluster :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  catalogLeader @2 :UInt64;
  catalogIndex @3 :UInt64;
  brokers @4 :List(Broker);
  topics @5 :List(Topic);

  struct Broker {
    address @0 :Common.BrokerAddress;
    alive @1 :Bool;
  }
  struct Replica {
    broker @0 :UInt64;
    uid @1 :UInt64;
    lost @2 :Bool;
  }
  struct Partition {
    partition @0 :UInt32;
    created @1 :Bool;
    group :group {
      a @2 :UInt64;
      b @3 :UInt64;
    }
    leader @4 :UInt64;
    term @5 :UInt64;
    replicas @6 :List(Replica);
  }
  struct Topic {
    name @0 :Text;
    id :group {
      a @1 :UInt64;
      b @2 :UInt64;
    }
    error @3 :WireError;
    settings @4 :List(Common.Setting);
    partitions @5 :List(Partition);
  }
}

struct ProduceAnswer {
  items @0 :List(Item);

  struct Item {
    where :group {
      topic :group {
        a @0 :UInt64;
        b @1 :UInt64;
      }
      partition @2 :UInt32;
    }
    error @3 :WireError;
    baseOffset @4 :UInt64;
    appendTimeMs @5 :Int64;
  }
}

struct FetchAnswer {
  items @0 :List(Item);

  struct Item {
    where :group {
      topic :group {
        a @0 :UInt64;
        b @1 :UInt64;
      }
      partition @2 :UInt32;
    }
    error @3 :WireError;
    highWatermark @4 :UInt64;
    stableEnd @5 :UInt64;
    logStart @6 :UInt64;
    frames @7 :UInt32;
  }
}

struct ListOffsetsAnswer {
  items @0 :List(Item);

  struct Item {
    where :group {
      topic :group {
        a @0 :UInt64;
        b @1 :UInt64;
      }
      partition @2 :UInt32;
    }
    error @3 :WireError;
    start @4 :UInt64;
    end @5 :UInt64;
  }
}

struct CreateTopicAnswer {
  topic :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  catalogIndex @2 :UInt64;
  replication @3 :UInt32;
}

struct DeleteTopicAnswer {
  catalogIndex @0 :UInt64;
}

enum ReplicaCondition {
  inSync @0;
  behind @1;
  lost @2;
  faulty @3;
  offline @4;
}

struct DescribePartitionsAnswer {
  items @0 :List(Item);

  struct Replica {
    broker @0 :UInt64;
    uid @1 :UInt64;
    condition @2 :ReplicaCondition;
    match @3 :UInt64;
  }
  struct Item {
    where :group {
      topic :group {
        a @0 :UInt64;
        b @1 :UInt64;
      }
      partition @2 :UInt32;
    }
    error @3 :WireError;
    term @4 :UInt64;
    replicas @5 :List(Replica);
    start @6 :UInt64;
    highWatermark @7 :UInt64;
    end @8 :UInt64;
    bytes @9 :UInt64;
  }
}

struct StatusAnswer {
  broker @0 :UInt64;
  store :group {
    a @1 :UInt64;
    b @2 :UInt64;
  }
  cluster :group {
    a @3 :UInt64;
    b @4 :UInt64;
  }
  founding @5 :Common.FoundingState;
  version @6 :Text;
  state @7 :Text;
  bootEpoch @8 :UInt64;
  counters @9 :List(Counter);
  histograms @10 :List(Histogram);

  struct Counter {
    name @0 :Text;
    value @1 :UInt64;
  }
  struct Histogram {
    name @0 :Text;
    count @1 :UInt64;
    sum @2 :UInt64;
    p50 @3 :UInt64;
    p99 @4 :UInt64;
    p999 @5 :UInt64;
    max @6 :UInt64;
  }
}

struct FoundAnswer {
  state @0 :Common.FoundingState;
  address @1 :Common.BrokerAddress;
  document @2 :Common.FoundingDocument;
}

struct Answer {
  kind @0 :Common.RootKind;
  version @1 :UInt16;
  throttleMs @2 :UInt32;
  id @3 :UInt64;
  cluster :group {
    a @4 :UInt64;
    b @5 :UInt64;
  }
  error @6 :WireError;
  body :union {
    none @7 :Void;
    metadata @8 :MetadataAnswer;
    produce @9 :ProduceAnswer;
    fetch @10 :FetchAnswer;
    listOffsets @11 :ListOffsetsAnswer;
    createTopic @12 :CreateTopicAnswer;
    deleteTopic @13 :DeleteTopicAnswer;
    describePartitions @14 :DescribePartitionsAnswer;
    status @15 :StatusAnswer;
    found @16 :FoundAnswer;
  }
}
