# Catalog commands and the small durable records (entry bodies, journal items: kept for ever), and
# the rows of the catalog's tables, which can be computed again.
@0xde16a50ca573d85a;

using Cxx = import "/capnp/c++.capnp";
using Common = import "common.capnp";
$Cxx.namespace("strandlog::wire::schema");

struct RegisterBroker {
  address @0 :Common.BrokerAddress;
  bootEpoch @1 :UInt64;
}

struct CreateTopic {
  topic :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  name @2 :Text;
  settings @3 :List(Common.Setting);
  partitions @4 :List(Partition);
  createdMs @5 :Int64;

  struct Partition {
    group :group {
      a @0 :UInt64;
      b @1 :UInt64;
    }
    creation @2 :UInt64;
    replicas @3 :List(Common.CatalogReplica);
  }
}

struct ReplicaCreated {
  uid @0 :UInt64;
  store :group {
    a @1 :UInt64;
    b @2 :UInt64;
  }
  creation @3 :UInt64;
}

struct DeleteTopic {
  topic :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
}

struct ReplicaDestroyed {
  uid @0 :UInt64;
  store :group {
    a @1 :UInt64;
    b @2 :UInt64;
  }
}

struct RestartCreation {
  topic :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  partition @2 :UInt32;
  creation @3 :UInt64;
  next @4 :CreateTopic.Partition;
}

struct MoveReplica {
  where @0 :Common.TopicPartition;
  creation @1 :UInt64;
  from @2 :UInt64;
  to @3 :Common.CatalogReplica;
}

struct Command {
  kind @0 :Common.RootKind;
  version @1 :UInt16;
  body :union {
    none @2 :Void;
    found @3 :Common.FoundingDocument;
    registerBroker @4 :RegisterBroker;
    createTopic @5 :CreateTopic;
    replicaCreated @6 :ReplicaCreated;
    deleteTopic @7 :DeleteTopic;
    replicaDestroyed @8 :ReplicaDestroyed;
    restartCreation @9 :RestartCreation;
    moveReplica @10 :MoveReplica;
    groupMembers @11 :Common.GroupMembers;
  }
}

struct FoundingFrame {
  kind @0 :Common.RootKind;
  version @1 :UInt16;
  document @2 :Common.FoundingDocument;
}

struct Configuration {
  kind @0 :Common.RootKind;
  version @1 :UInt16;
  voters @2 :List(Common.CatalogReplica);
  outgoing @3 :List(Common.CatalogReplica);
  learners @4 :List(Common.CatalogReplica);
}

struct RememberedStore {
  store :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  bootEpoch @2 :UInt64;
  bootId @3 :UInt64;
  durableRound @4 :UInt64;
}

struct RememberedStores {
  kind @0 :Common.RootKind;
  version @1 :UInt16;
  stores @2 :List(RememberedStore);
}

struct TableHead {
  cluster :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  group :group {
    a @2 :UInt64;
    b @3 :UInt64;
  }
  machine @4 :UInt32;
  founding @5 :Common.FoundingDocument;
  nextUid @6 :UInt64;
  nextCreation @7 :UInt64;
}

struct BrokerRow {
  address @0 :Common.BrokerAddress;
  bootEpoch @1 :UInt64;
}

struct TopicRow {
  topic :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  name @2 :Text;
  settings @3 :List(Common.Setting);
  partitions @4 :UInt32;
  createdMs @5 :Int64;
}

struct PartitionRow {
  topic :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  number @2 :UInt32;
  group :group {
    a @3 :UInt64;
    b @4 :UInt64;
  }
  creation @5 :UInt64;
  replicas @6 :List(Common.CatalogReplica);
  made @7 :List(UInt64);
  created @8 :Bool;
  configuration @9 :UInt64;
  comes @10 :Common.CatalogReplica;
  goes @11 :UInt64;
}

struct TombstoneRow {
  topic :group {
    a @0 :UInt64;
    b @1 :UInt64;
  }
  replica @2 :Common.CatalogReplica;
}

struct CatalogRow {
  kind @0 :Common.RootKind;
  version @1 :UInt16;
  body :union {
    none @2 :Void;
    head @3 :TableHead;
    broker @4 :BrokerRow;
    topic @5 :TopicRow;
    partition @6 :PartitionRow;
    tombstone @7 :TombstoneRow;
  }
}
