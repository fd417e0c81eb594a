//! The load generator against our own server, both in memory, on one thread and in real time:
//! connections a second and core, both ends counted.
//!
//! Each iteration is 200,000 connections, asked for at a rate that nobody reaches and limited to so
//! many at once: from the first SYN to the end of both ends, TIME-WAIT of 100 ms included. As many
//! as that, so that it is not the first touch of fresh memory that is measured.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use seawall::control::clock::Clock;
use seawall::control::generator::Generator;
use seawall::load::{Close, Pattern, Plan, Sources};
use seawall::nic::memory::{MemoryPort, Misfortune, pair};
use seawall::service::{Http, Service};
use seawall::shard::{Shard, ShardConfig};
use seawall::time::Duration;
use seawall::wire::{Address, Endpoint, LinkHeader};

const CONNECTIONS: u64 = 200_000;
const AT_ONCE: u64 = 128;
const FRAMES: usize = 4096;
const LINK: LinkHeader = LinkHeader::new([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
const SERVER: Endpoint = Endpoint {
    address: Address::v4([10, 1, 0, 1]),
    port: 80,
};

fn plan(pattern: Pattern, close: Close) -> Plan {
    let sources: Sources = "10.0.0.0/22".parse().expect("a range");
    let mut plan = Plan::new(SERVER, sources);
    plan.rate = 10_000_000;
    plan.connections = Some(CONNECTIONS);
    plan.concurrency = Some(AT_ONCE);
    plan.pattern = pattern;
    plan.close = close;
    plan.bytes = (pattern == Pattern::Request).then_some(100);
    plan.timeout = Duration::from_secs(1);
    plan.time_wait = Duration::from_millis(100);
    plan.check().expect("it can be done");
    plan
}

fn run(plan: &Plan, service: Box<dyn Service>) -> Duration {
    let (near, far) = pair(Misfortune::default(), FRAMES);
    let mut config = ShardConfig {
        connections: 1 << 17,
        ..ShardConfig::default()
    };
    config.tcp.time_wait = plan.time_wait;
    let mut server = Shard::new(far, config);
    let service = server.add_service(service);
    server.listen(SERVER, service);
    let config = Generator::<MemoryPort>::shard_config(plan);
    let mut load = Generator::new(near, config, plan, LINK);
    let clock = Clock::start();
    while !load.turn(clock.now()).is_done {
        server.breathe(clock.now());
    }
    let took = clock.elapsed();
    // What the last turn sent.
    while server.breathe(clock.now()).received > 0 {}
    let counters = server.counters().connections;
    assert_eq!(load.tally().released, CONNECTIONS);
    assert_eq!(counters.accepted, CONNECTIONS);
    assert_eq!(counters.released + counters.reset, CONNECTIONS);
    took
}

fn load(c: &mut Criterion) {
    let mut group = c.benchmark_group("load_connection");
    group.sample_size(10);
    group.throughput(Throughput::Elements(CONNECTIONS));
    for (name, pattern, close) in [
        ("connect_fin", Pattern::Connect, Close::Fin),
        ("connect_rst", Pattern::Connect, Close::Rst),
        ("request_fin", Pattern::Request, Close::Fin),
        ("request_peer", Pattern::Request, Close::Peer),
    ] {
        let plan = plan(pattern, close);
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter_custom(|times| {
                let runs = (0..times).map(|_| run(&plan, Box::new(Http::default())));
                runs.sum()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, load);
criterion_main!(benches);
