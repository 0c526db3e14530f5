import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What Apache's own client sees of the cluster at an address, a line for each thing. */
public class Client {
  static final int RECORDS = 100;
  static final Duration PATIENCE = Duration.ofSeconds(60);
  static String brokers;

  public static void main(String[] arguments) throws Exception {
    brokers = arguments[0];
    try (Admin admin = Admin.create(properties())) {
      topics(admin);
      settings(admin);
      produce("t");
      System.out.println("classic group: " + consume("classic", "t", RECORDS, "group.protocol", "classic"));
      System.out.println("consumer group: " + consume("modern", "t", RECORDS, "group.protocol", "consumer"));
      groups(admin);
      transactions(admin);
      deletions(admin);
    }
  }

  static Map<String, Object> properties(String... more) {
    Map<String, Object> properties = new TreeMap<>(Map.of("bootstrap.servers", brokers));
    for (int at = 0; at < more.length; at += 2) {
      properties.put(more[at], more[at + 1]);
    }
    return properties;
  }

  /** How it ended: the name of the error's class, or ok. */
  static String outcome(org.apache.kafka.common.KafkaFuture<?> future) throws Exception {
    try {
      future.get();
      return "ok";
    } catch (ExecutionException error) {
      return error.getCause().getClass().getSimpleName();
    }
  }

  static void topics(Admin admin) throws Exception {
    var wanted = List.of(new NewTopic("t", 2, (short) 1), new NewTopic("out", 1, (short) 1));
    System.out.println("create: " + outcome(admin.createTopics(wanted).all()));
    System.out.println("create again: " + outcome(admin.createTopics(wanted.subList(0, 1)).all()));
    System.out.println("grow: " + outcome(admin.createPartitions(Map.of("t", NewPartitions.increaseTo(3))).all()));
    var described = admin.describeTopics(List.of("t")).allTopicNames().get().get("t");
    System.out.println("partitions: " + described.partitions().size());
    System.out.println("brokers: " + admin.describeCluster().nodes().get().size());
    System.out.println("topics: " + new TreeSet<>(admin.listTopics().names().get()));
    System.out.println("describe nowhere: " + outcome(admin.describeTopics(List.of("nowhere")).allTopicNames()));
  }

  static void settings(Admin admin) throws Exception {
    var topic = new ConfigResource(ConfigResource.Type.TOPIC, "t");
    var set = new AlterConfigOp(new ConfigEntry("retention.ms", "86400001"), AlterConfigOp.OpType.SET);
    var bad = new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), AlterConfigOp.OpType.SET);
    System.out.println("alter: " + outcome(admin.incrementalAlterConfigs(Map.of(topic, List.of(set))).all()));
    System.out.println("alter badly: " + outcome(admin.incrementalAlterConfigs(Map.of(topic, List.of(bad))).all()));
    var retention = admin.describeConfigs(List.of(topic)).all().get().get(topic).get("retention.ms");
    System.out.println("retention.ms: " + retention.value() + " " + retention.source() + " " + retention.type());
    var broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
    var largest = admin.describeConfigs(List.of(broker)).all().get().get(broker).get("message.max.bytes");
    System.out.println("message.max.bytes: " + largest.value() + " " + largest.source());
  }

  static KafkaProducer<String, String> producer(String... more) {
    return new KafkaProducer<>(properties(more), new StringSerializer(), new StringSerializer());
  }

  static void produce(String topic) throws Exception {
    long written = 0;
    try (var producer = producer()) {
      for (int number = 0; number < RECORDS; number++) {
        producer.send(new ProducerRecord<>(topic, "key-" + number, String.valueOf(number)));
      }
      producer.flush();
      for (int partition = 0; partition < 3; partition++) {
        written += 1 + producer.send(new ProducerRecord<>(topic, partition, null, "end")).get().offset();
      }
    }
    System.out.println("written: " + written);
  }

  /** How many different numbers a member of the group reads before it commits and leaves. */
  static int consume(String group, String topic, int wanted, String... more) {
    var properties = properties(more);
    properties.put("group.id", group);
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    var seen = new TreeSet<String>();
    var deadline = System.nanoTime() + PATIENCE.toNanos();
    try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of(topic));
      while (seen.size() < wanted && System.nanoTime() < deadline) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
          if (!record.value().equals("end")) {
            seen.add(record.value());
          }
        }
      }
      consumer.commitSync();
    }
    return seen.size();
  }

  static void groups(Admin admin) throws Exception {
    var names = new TreeSet<String>();
    admin.listGroups().all().get().forEach(group -> names.add(group.groupId()));
    System.out.println("groups: " + names);
    var described = admin.describeConsumerGroups(List.of("modern", "classic")).all().get();
    for (String name : names) {
      System.out.println(name + ": " + described.get(name).groupState() + " " + described.get(name).type());
    }
    System.out.println("committed: " + committed(admin, "classic") + " " + committed(admin, "modern"));
    var first = new TopicPartition("t", 0);
    System.out.println("delete offset: " + outcome(admin.deleteConsumerGroupOffsets("classic", Set.of(first)).all()));
    System.out.println("committed: " + committed(admin, "classic"));
    System.out.println("delete offset of nobody: " + outcome(admin.deleteConsumerGroupOffsets("nobody", Set.of(first)).all()));
    System.out.println("delete group: " + outcome(admin.deleteConsumerGroups(List.of("classic")).all()));
    System.out.println("delete again: " + outcome(admin.deleteConsumerGroups(List.of("classic")).all()));
  }

  static int committed(Admin admin, String group) throws Exception {
    var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
    return offsets.size();
  }

  static void transactions(Admin admin) throws Exception {
    var source = new TopicPartition("t", 0);
    try (var producer = producer("transactional.id", "writer");
        var member = new KafkaConsumer<>(properties("group.id", "source"), new StringDeserializer(), new StringDeserializer())) {
      producer.initTransactions();
      producer.beginTransaction();
      send(producer, "kept", 10);
      producer.sendOffsetsToTransaction(Map.of(source, new OffsetAndMetadata(7)), member.groupMetadata());
      producer.commitTransaction();
      producer.beginTransaction();
      send(producer, "dropped", 10);
      producer.sendOffsetsToTransaction(Map.of(source, new OffsetAndMetadata(9)), member.groupMetadata());
      producer.flush();
      producer.abortTransaction();
      try (var successor = producer("transactional.id", "writer")) {
        successor.initTransactions();
        producer.beginTransaction();
        try {
          producer.send(new ProducerRecord<>("out", "late")).get();
          System.out.println("the fenced one wrote");
        } catch (ExecutionException error) {
          System.out.println("fenced: " + error.getCause().getClass().getSimpleName());
        }
        successor.beginTransaction();
        send(successor, "last", 1);
        successor.commitTransaction();
      }
    }
    int read = consume("reader", "out", 11, "isolation.level", "read_committed");
    System.out.println("committed records: " + read);
    var offsets = admin.listConsumerGroupOffsets("source").partitionsToOffsetAndMetadata().get();
    System.out.println("offset of the transaction: " + offsets.get(source).offset());
  }

  static void send(KafkaProducer<String, String> producer, String what, int count) {
    for (int number = 0; number < count; number++) {
      producer.send(new ProducerRecord<>("out", what + "-" + number));
    }
  }

  static void deletions(Admin admin) throws Exception {
    var partition = new TopicPartition("out", 0);
    var deleted = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(5)));
    System.out.println("low watermark: " + deleted.lowWatermarks().get(partition).get().lowWatermark());
    var earliest = admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition).get();
    System.out.println("earliest: " + earliest.offset());
    Collection<String> topics = List.of("t", "out");
    System.out.println("delete: " + outcome(admin.deleteTopics(topics).all()));
    System.out.println("topics: " + new TreeSet<>(admin.listTopics().names().get()));
  }
}
