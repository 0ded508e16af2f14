// Client requests to frames and back.
#include "wire/codec_common.h"
#include "wire/schema/client.capnp.h"

namespace strandlog::wire {

using Step = FoundRequest::Step;

// ------------------------------------------------------------------------------------ building

static void put(const ProduceRequest::Item& item, schema::ProduceRequest::Item::Builder builder) {
  put(item.where, builder.getWhere());
  builder.setFrames(item.frames);
  builder.setAttempt(item.attempt);
}

static void put(const FetchRequest::Item& item, schema::FetchRequest::Item::Builder builder) {
  put(item.where, builder.getWhere());
  builder.setFrom(item.from.value);
  builder.setMaxBytes(item.max_bytes);
}

namespace {
/// Puts the body of a request, by its type.
struct PutBody {
  schema::Request::Body::Builder body;

  void operator()(const MetadataRequest& request) {
    auto builder = body.initMetadata();
    auto topics = builder.initTopics(count_of(request.topics));
    for (unsigned i = 0; i < topics.size(); ++i) topics.set(i, text_ptr(request.topics[i]));
    builder.setAll(request.all);
    builder.setComplete(request.complete);
  }
  void operator()(const ProduceRequest& request) {
    auto builder = body.initProduce();
    builder.setAcks(request.acks);
    put_all(request.items, builder.initItems(count_of(request.items)));
  }
  void operator()(const FetchRequest& request) {
    auto builder = body.initFetch();
    builder.setMaxWaitMs(request.max_wait_ms);
    builder.setMinBytes(request.min_bytes);
    builder.setMaxBytes(request.max_bytes);
    put_all(request.items, builder.initItems(count_of(request.items)));
  }
  void operator()(const ListOffsetsRequest& request) {
    put_all(request.items, body.initListOffsets(count_of(request.items)));
  }
  void operator()(const CreateTopicRequest& request) {
    auto builder = body.initCreateTopic();
    builder.setName(text_ptr(request.name));
    builder.setPartitions(request.partitions);
    builder.setReplication(request.replication);
    put(request.settings, builder.initSettings(count_of(request.settings)));
  }
  void operator()(const DeleteTopicRequest& request) {
    body.setDeleteTopic(text_ptr(request.name));
  }
  void operator()(const DescribePartitionsRequest& request) {
    put_all(request.items, body.initDescribePartitions(count_of(request.items)));
  }
  void operator()(const StatusRequest&) { body.setStatus(); }
  void operator()(const FoundRequest& request) {
    auto builder = body.initFound();
    builder.setStep(static_cast<schema::FoundRequest::Step>(request.step));
    if (request.document) put(*request.document, builder.initDocument());
  }
};
}  // namespace

// ------------------------------------------------------------------------------------- reading

static ProduceRequest::Item get(schema::ProduceRequest::Item::Reader reader, Reading&) {
  return {get_where(reader.getWhere()), reader.getFrames(), reader.getAttempt()};
}

static FetchRequest::Item get(schema::FetchRequest::Item::Reader reader, Reading&) {
  return {get_where(reader.getWhere()), {reader.getFrom()}, reader.getMaxBytes()};
}

static MetadataRequest get(schema::MetadataRequest::Reader reader, Reading& reading) {
  return {reading.all(reader.getTopics()), reader.getAll(), reader.getComplete()};
}

static ProduceRequest get(schema::ProduceRequest::Reader reader, Reading& reading) {
  return {reader.getAcks(), reading.all(reader.getItems())};
}

static FetchRequest get(schema::FetchRequest::Reader reader, Reading& reading) {
  return {reader.getMaxWaitMs(), reader.getMinBytes(), reader.getMaxBytes(),
          reading.all(reader.getItems())};
}

static CreateTopicRequest get(schema::CreateTopicRequest::Reader reader, Reading& reading) {
  CreateTopicRequest request;
  request.name = reading.text(reader.getName());
  request.partitions = reader.getPartitions();
  request.replication = reader.getReplication();
  request.settings = get(reader.getSettings(), reading);
  return request;
}

static FoundRequest get(schema::FoundRequest::Reader reader, Reading& reading) {
  FoundRequest request;
  request.step = reading.choice(reader.getStep(), Step::kInspect, Step::kCommit, "founding step");
  if (reader.hasDocument()) request.document = get(reader.getDocument(), reading);
  return request;
}

static RequestBody get_body(schema::Request::Body::Reader body, Reading& reading) {
  using Which = schema::Request::Body::Which;
  switch (body.which()) {
    case Which::METADATA:
      return get(body.getMetadata(), reading);
    case Which::PRODUCE:
      return get(body.getProduce(), reading);
    case Which::FETCH:
      return get(body.getFetch(), reading);
    case Which::LIST_OFFSETS:
      return ListOffsetsRequest{reading.all(body.getListOffsets())};
    case Which::CREATE_TOPIC:
      return get(body.getCreateTopic(), reading);
    case Which::DELETE_TOPIC:
      return DeleteTopicRequest{reading.text(body.getDeleteTopic())};
    case Which::DESCRIBE_PARTITIONS:
      return DescribePartitionsRequest{reading.all(body.getDescribePartitions())};
    case Which::STATUS:
      return StatusRequest{};
    case Which::FOUND:
      return get(body.getFound(), reading);
  }
  reading.fail(Code::kUnsupported,
               "unknown request " + std::to_string(static_cast<unsigned>(body.which())));
  return {};
}

Bytes encode(const Request& request) {
  FrameBuilder frame;
  auto root = frame.root<schema::Request>(schema::RootKind::REQUEST);
  root.setId(request.id);
  root.setDeadlineMs(request.deadline_ms);
  put_uuid(request.cluster, root.getCluster());
  root.setClientId(text_ptr(request.client_id));
  root.setTraceId(request.trace_id);
  root.setMinimumCatalogIndex(request.minimum_catalog_index);
  std::visit(PutBody{root.getBody()}, request.body);
  return frame.finish();
}

Result<Request> decode_request(ByteView frame) {
  return decode_frame<schema::Request>(
      frame, schema::RootKind::REQUEST, [](schema::Request::Reader root, Reading& reading) {
        Request request;
        request.id = root.getId();
        request.deadline_ms = root.getDeadlineMs();
        request.cluster = get_uuid<ClusterId>(root.getCluster());
        request.client_id = reading.text(root.getClientId());
        request.trace_id = root.getTraceId();
        request.minimum_catalog_index = root.getMinimumCatalogIndex();
        request.body = get_body(root.getBody(), reading);
        return request;
      });
}

}  // namespace strandlog::wire
