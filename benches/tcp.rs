//! What the protocol costs without wire, table or NIC: one segment and its answer, and a whole
//! connection.

use core::hint::black_box;
use criterion::{Criterion, criterion_group, criterion_main};
use seawall::tcp::{Actions, Config, Context, Listened, Open, State, Tcb, on_listen};
use seawall::time::{Duration, Instant};
use seawall::wire::{Ctl, Options, Segment, Seq, Timestamps};

fn context(config: &Config, now: Instant) -> Context<'_> {
    Context {
        now,
        config,
        is_v4: true,
        may_store: true,
        may_reopen: true,
    }
}

fn segment(seq: u32, ack: u32, ctl: Ctl) -> Segment {
    Segment {
        seq: Seq(seq),
        ack: Seq(ack),
        wnd: 65_000,
        ctl,
        options: Options {
            timestamps: Some(Timestamps::default()),
            ..Options::default()
        },
        ..Segment::default()
    }
}

// A passive open: SYN, SYN-ACK, ACK. The peer counts from 300, we from 100.
fn establish(cx: &Context<'_>, out: &mut Actions) -> Tcb {
    let syn = segment(300, 0, Ctl::SYN);
    assert_eq!(on_listen(black_box(&syn)), Listened::Syn);
    let mut tcb = Tcb::on_syn(&syn, Seq(100), 0, cx);
    black_box(tcb.next_segment(cx));
    tcb.on_segment(black_box(&segment(301, 101, Ctl::ACK)), cx, out);
    tcb
}

fn text(c: &mut Criterion) {
    let config = Config {
        // Every ACK by its timer.
        quick_acks: 0,
        ..Config::default()
    };
    let mut out = Actions::default();
    let mut cx = context(&config, Instant::ZERO);
    let mut tcb = establish(&cx, &mut out);
    let mut seg = Segment {
        text_len: 1,
        ..segment(301, 101, Ctl::ACK)
    };
    c.bench_function("one octet in order, read, and its delayed ACK", |b| {
        b.iter(|| {
            tcb.on_segment(black_box(&seg), &cx, &mut out);
            tcb.on_receive(out.deliver.len, &cx);
            cx.now = tcb.deadline();
            tcb.on_timeout(&cx, &mut out);
            seg.seq = seg.seq + 1;
            black_box(tcb.next_segment(&cx))
        });
    });
    assert_eq!(
        (tcb.state(), tcb.open()),
        (State::Established, Open::Passive)
    );

    let mut tcb = establish(&cx, &mut out);
    let mut seg = Segment {
        text_len: 1,
        ..segment(301, 101, Ctl::ACK)
    };
    c.bench_function("one octet in order, echoed with its ACK", |b| {
        b.iter(|| {
            tcb.on_segment(black_box(&seg), &cx, &mut out);
            tcb.on_receive(out.deliver.len, &cx);
            tcb.on_send(1, &cx);
            cx.now = cx.now + Duration::from_micros(10);
            seg.seq = seg.seq + 1;
            seg.ack = seg.ack + 1;
            black_box(tcb.next_segment(&cx))
        });
    });
    assert_eq!(tcb.state(), State::Established);
}

// Seven segments: the peer opens and closes, we answer.
fn open_and_close(c: &mut Criterion) {
    let config = Config::default();
    let cx = context(&config, Instant::ZERO);
    let mut out = Actions::default();
    c.bench_function("passive open and close", |b| {
        b.iter(|| {
            let mut tcb = establish(&cx, &mut out);
            tcb.on_segment(black_box(&segment(301, 101, Ctl::FIN_ACK)), &cx, &mut out);
            tcb.on_close_both(&cx, &mut out);
            black_box(tcb.next_segment(&cx));
            tcb.on_segment(black_box(&segment(302, 102, Ctl::ACK)), &cx, &mut out);
            assert_eq!(tcb.state(), State::Closed);
        });
    });
}

criterion_group!(benches, text, open_and_close);
criterion_main!(benches);
