"""What kafka-python sees of the cluster at an address, a line for each thing."""

import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

RECORDS = 100
PATIENCE_S = 60


def outcome(call):
    try:
        call()
        return "ok"
    except KafkaError as error:
        return type(error).__name__


def main(brokers):
    admin = KafkaAdminClient(bootstrap_servers=brokers)
    topic = NewTopic("t", 3, 1)
    print("create:", outcome(lambda: admin.create_topics([topic])))
    print("create again:", outcome(lambda: admin.create_topics([topic])))
    produce(brokers)
    print("read:", consume(brokers))
    print("groups:", sorted(group["group_id"] for group in admin.list_groups()))
    print("group:", admin.describe_groups(["g"])["g"]["group_state"])
    found = admin.list_group_offsets({"g": None})["g"]
    print("committed:", sum(at.offset for at in found.values()))
    print("grow:", outcome(lambda: admin.create_partitions({"t": 4})))
    print("delete group:", outcome(lambda: admin.delete_groups(["g"])))
    print("topics:", sorted(admin.list_topics()))
    print("delete:", outcome(lambda: admin.delete_topics(["t"])))
    admin.close()


def produce(brokers):
    producer = KafkaProducer(bootstrap_servers=brokers, acks="all")
    sent = [producer.send("t", key=b"%d" % n, value=b"%d" % n) for n in range(RECORDS)]
    producer.flush()
    print("written:", len({(at.get().partition, at.get().offset) for at in sent}))
    producer.close()


def consume(brokers):
    """How many different numbers a member of the group reads before it commits and leaves."""
    consumer = KafkaConsumer(
        "t",
        bootstrap_servers=brokers,
        group_id="g",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    seen = set()
    deadline = time.monotonic() + PATIENCE_S
    while len(seen) < RECORDS and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=100).values():
            seen.update(record.value for record in records)
    consumer.commit()
    consumer.close()
    return len(seen)


main(sys.argv[1])
