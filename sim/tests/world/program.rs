//! Random programs, for properties that hold of every program.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Poll, Waker};

use proptest::prelude::*;
use whitewater_sim::process::{self, ProcessId};
use whitewater_sim::trace::Value;
use whitewater_sim::{host, link, network, random, task, time, trace};

use crate::{ms, run};

/// One step of a program's tasks.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Sleep(u64),
    Block(u64),
    Yield,
    Spawn(bool, Vec<Step>),
    Send,
    Receive,
    Draw,
    Talk(usize),
    Kill(usize),
    Pause(usize),
    Resume(usize),
    Cut(usize),
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        (0_u64..20).prop_map(Step::Sleep),
        (0_u64..20).prop_map(Step::Block),
        Just(Step::Yield),
        Just(Step::Send),
        Just(Step::Receive),
        Just(Step::Draw),
        (0..WORKERS).prop_map(Step::Talk),
        (0..WORKERS).prop_map(Step::Kill),
        (0..WORKERS).prop_map(Step::Pause),
        (0..WORKERS).prop_map(Step::Resume),
        (0..WORKERS).prop_map(Step::Cut),
    ];
    let step = leaf.prop_recursive(3, 24, 6, |inner| {
        let body = prop::collection::vec(inner, 0..6);
        (any::<bool>(), body).prop_map(|(coroutine, body)| Step::Spawn(coroutine, body))
    });
    prop::collection::vec(step, 1..10)
}

const WORKERS: usize = 3;

#[derive(Default)]
struct Channel {
    items: RefCell<VecDeque<u64>>,
    waiting: RefCell<Vec<Waker>>,
}

struct Shared {
    workers: Vec<ProcessId>,
    channel: Channel,
}

/// Runs the program in a world, once in every worker and in the harness; gives the trace's hash
/// and its events.
pub(crate) fn execute(seed: u64, program: Vec<Step>) -> (u128, Vec<trace::Event>) {
    run(seed, async move {
        let workers = (0..WORKERS).map(|n| {
            let host = host::create_host(&format!("host-{n}"));
            process::create_process(host, &format!("worker-{n}"))
        });
        let shared = Rc::new(Shared {
            workers: workers.collect(),
            channel: Channel::default(),
        });
        for worker in shared.workers.clone() {
            start(worker, shared.clone(), program.clone());
        }
        // Processes of a random program may stay paused, or wait for ever.
        time::sleep(ms(500)).await;
        (trace::hash(), trace::take())
    })
}

fn start(worker: ProcessId, shared: Rc<Shared>, program: Vec<Step>) {
    process::start(worker, move || async move {
        task::spawn(serve());
        take_steps(shared, program, true).await;
    });
}

async fn serve() {
    let listener = network::listen(80).unwrap();
    while let Ok((connection, peer)) = listener.accept().await {
        trace::event("accepted", &[("peer", peer.to_string().into())]);
        task::spawn(async move {
            while let Ok(Some(message)) = connection.receive().await {
                let n = *message.downcast::<u64>().unwrap();
                let _ = connection.send(Box::new(n + 1), 8);
            }
        });
    }
}

fn note(step: &'static str, value: impl Into<Value>) {
    let id = task::current_id().0;
    trace::event(step, &[("task", id.into()), ("value", value.into())]);
}

async fn take_steps(shared: Rc<Shared>, steps: Vec<Step>, may_block: bool) {
    for step in steps {
        take_step(&shared, step, may_block).await;
    }
}

async fn take_step(shared: &Rc<Shared>, step: Step, may_block: bool) {
    match step {
        Step::Sleep(n) => time::sleep(ms(n)).await,
        Step::Block(n) if may_block => task::block_on(time::sleep(ms(n))),
        Step::Block(_) | Step::Yield => task::yield_now().await,
        Step::Spawn(coroutine, body) => {
            let body = Box::pin(take_steps(shared.clone(), body, coroutine));
            let task = if coroutine {
                task::spawn_coroutine(body)
            } else {
                task::spawn(body)
            };
            note("spawned", task.id().0);
        }
        Step::Send => {
            shared
                .channel
                .items
                .borrow_mut()
                .push_back(task::current_id().0);
            let waiting = shared.channel.waiting.take();
            waiting.into_iter().for_each(Waker::wake);
        }
        Step::Receive => {
            let received = time::timeout(
                ms(5),
                poll_fn(
                    |context| match shared.channel.items.borrow_mut().pop_front() {
                        Some(item) => Poll::Ready(item),
                        None => {
                            shared
                                .channel
                                .waiting
                                .borrow_mut()
                                .push(context.waker().clone());
                            Poll::Pending
                        }
                    },
                ),
            );
            note("received", received.await.unwrap_or(0));
        }
        Step::Draw => note("drawn", random::below(1_000_000)),
        Step::Talk(peer) => talk(shared.workers[peer]).await,
        Step::Kill(n) => process::kill(shared.workers[n]),
        Step::Pause(n) => process::pause(shared.workers[n]),
        Step::Resume(n) => process::resume(shared.workers[n]),
        Step::Cut(n) => {
            link::cut(process::current(), shared.workers[n]);
            time::sleep(ms(10)).await;
            link::heal(process::current(), shared.workers[n]);
        }
    }
}

async fn talk(peer: ProcessId) {
    let address = SocketAddr::new(process::ip(peer), 80);
    let talked = time::timeout(ms(20), async {
        let connection = network::connect(address).await?;
        connection.send(Box::new(1_u64), 8)?;
        connection.receive().await
    });
    let answer = match talked.await {
        Ok(Ok(Some(_))) => "answer",
        Ok(Ok(None)) => "end",
        Ok(Err(_)) => "error",
        Err(_) => "nothing",
    };
    note("talked", answer);
}
