//! `trade-store BROKERS TOPIC GROUP DATABASE`

#[tokio::main]
async fn main() -> Result<(), trade_store::Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, topic, group, database] = arguments.as_slice() else {
        return Err("usage: trade-store BROKERS TOPIC GROUP DATABASE".into());
    };
    trade_store::run(brokers, std::slice::from_ref(topic), group, database.as_ref()).await
}
