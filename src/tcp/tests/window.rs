//! Managing the window: zero-window probes, Nagle, silly windows on both sides (RFC 9293 §3.7.4,
//! §3.8.6), and scaling (RFC 7323 §2).

use super::*;

fn ack(ack: u32, wnd: u16) -> Segment {
    Segment {
        wnd,
        ..seg("ACK", 300, ack, 0)
    }
}

// ESTABLISHED; the peer's window is shut and 2500 octets wait.
fn shut(config: &Config) -> Tcb {
    let cx = at(config, NOW);
    let mut tcb = idle();
    arrive(&mut tcb, &ack(101, 0), &cx);
    tcb.on_send(2500, &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
    tcb
}

// MUST-35, MUST-36, MUST-37; SHLD-29, SHLD-30.
#[test]
fn a_closed_window_is_probed_for_ever_while_the_peer_answers() {
    let config = plain();
    let mut tcb = shut(&config);
    let mut gaps = Vec::new();
    let mut last = NOW;
    for _ in 0..50 {
        let (now, out) = time_out(&mut tcb, &config);
        assert_eq!(out, Actions::default());
        gaps.push((now - last).as_secs());
        last = now;
        let cx = at(&config, now);
        assert_eq!(
            shown(&mut tcb, &cx),
            ["<SEQ=101><ACK=300><DATA=1><CTL=ACK>"]
        );
        arrive(&mut tcb, &ack(101, 0), &cx);
        assert_eq!(sent(&mut tcb, &cx), [], "answers provoke nothing");
    }
    assert_eq!(gaps[..8], [1, 2, 4, 8, 16, 32, 64, 120]);
}

#[test]
fn probes_that_nobody_answers_end_at_r2() {
    let config = Config {
        retries: 3,
        ..plain()
    };
    let mut tcb = shut(&config);
    for _ in 0..3 {
        let (now, _) = time_out(&mut tcb, &config);
        assert_eq!(sent(&mut tcb, &at(&config, now)).len(), 1);
    }
    let (_, out) = time_out(&mut tcb, &config);
    assert_eq!(out.ended, Some(End::TimedOut));
}

// The peer answers probes whose octet it refuses: they prove a closed window, not a loss.
#[test]
fn answers_to_probes_are_no_duplicate_acks() {
    let config = plain();
    let mut tcb = shut(&config);
    let was = tcb.congestion;
    for _ in 0..5 {
        let (now, _) = time_out(&mut tcb, &config);
        sent(&mut tcb, &at(&config, now));
        arrive(&mut tcb, &ack(101, 0), &at(&config, now));
    }
    assert_eq!(tcb.congestion, was);
}

// The back-off of probes says nothing about the network.
#[test]
fn a_window_that_opens_starts_text_and_timer_afresh() {
    let config = plain();
    let mut tcb = shut(&config);
    let mut now = NOW;
    for _ in 0..6 {
        (now, _) = time_out(&mut tcb, &config);
        sent(&mut tcb, &at(&config, now));
        arrive(&mut tcb, &ack(101, 0), &at(&config, now));
    }
    let cx = at(&config, now + millis(10));
    arrive(&mut tcb, &ack(101, 5000), &cx);
    let octets: u32 = sent(&mut tcb, &cx).iter().map(|o| o.segment.text_len).sum();
    assert_eq!(octets, 2001, "the refused octet, and two full segments");
    assert_eq!(tcb.deadline(), cx.now + config.rto_initial);
}

#[test]
fn an_accepted_probe_moves_on() {
    let config = plain();
    let mut tcb = shut(&config);
    let (now, _) = time_out(&mut tcb, &config);
    let cx = at(&config, now);
    sent(&mut tcb, &cx);
    let out = arrive(&mut tcb, &ack(102, 0), &cx);
    assert_eq!((out.acked, sent(&mut tcb, &cx)), (1, vec![]));
    assert!(tcb.deadline().is_armed());
    arrive(&mut tcb, &ack(102, 5000), &cx);
    let lens: Vec<_> = sent(&mut tcb, &cx)
        .iter()
        .map(|o| o.segment.text_len)
        .collect();
    assert_eq!(lens, [1000, 1000]);
}

// MUST-34, SHLD-16: nothing new past the new edge; what was sent goes again within it.
#[test]
fn a_window_may_shrink() {
    let config = plain();
    let mut tcb = idle();
    let cx = at(&config, NOW);
    tcb.snd.wnd = 3000;
    tcb.on_send(5000, &cx);
    assert_eq!(sent(&mut tcb, &cx).len(), 3);
    arrive(&mut tcb, &ack(101, 400), &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
    let (now, _) = time_out(&mut tcb, &config);
    assert_eq!(
        shown(&mut tcb, &at(&config, now)),
        ["<SEQ=101><ACK=300><DATA=400><CTL=ACK>"]
    );
    arrive(&mut tcb, &ack(3101, 1000), &at(&config, now));
    assert_eq!(
        shown(&mut tcb, &at(&config, now)),
        ["<SEQ=3101><ACK=300><DATA=1000><CTL=ACK>"]
    );
}

// SHLD-7, MUST-17.
#[test]
fn nagle_holds_a_small_segment_while_something_is_out() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.snd.wnd = 5000;
    let one = |seq: u32, len: u32| format!("<SEQ={seq}><ACK=300><DATA={len}><CTL=ACK>");
    tcb.on_send(10, &cx);
    assert_eq!(shown(&mut tcb, &cx), [one(101, 10)]);
    tcb.on_send(10, &cx);
    tcb.on_send(10, &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
    let mut eager = tcb;
    eager.set_no_delay(true);
    assert_eq!(shown(&mut eager, &cx), [one(111, 20)]);
    arrive(&mut tcb, &ack(111, 5000), &cx);
    assert_eq!(shown(&mut tcb, &cx), [one(111, 20)]);
    // Full segments never wait.
    tcb.on_send(2100, &cx);
    assert_eq!(shown(&mut tcb, &cx), [one(131, 1000), one(1131, 1000)]);
}

#[test]
fn nagle_does_not_hold_the_last_segment() {
    let config = plain();
    let cx = at(&config, NOW);
    let (mut tcb, mut out) = (tcb(State::Established), Actions::default());
    tcb.on_send(10, &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
    tcb.on_close(&cx, &mut out);
    assert_eq!(
        shown(&mut tcb, &cx),
        ["<SEQ=101><ACK=300><DATA=10><CTL=FIN,ACK>"]
    );
}

// MUST-38: room, text, largest window seen -> octets sent at once, and at the override timeout.
#[test]
fn a_sender_does_not_fill_silly_windows() {
    let config = plain();
    let table = [
        (1000, 5000, 5000, vec![1000], 0),
        (999, 5000, 5000, vec![], 999),
        (999, 5000, 1998, vec![999], 0),
        (300, 300, 5000, vec![300], 0),
        (300, 301, 5000, vec![], 300),
        (1, 2, 5000, vec![], 1),
        (2500, 5000, 5000, vec![1000, 1000], 0),
    ];
    for (room, queued, largest, at_once, later) in table {
        let mut tcb = idle();
        tcb.snd.wnd = room;
        tcb.snd.wnd_max = largest;
        tcb.on_send(queued, &at(&config, NOW));
        let lens = |outputs: Vec<Output>| -> Vec<u32> {
            outputs.iter().map(|o| o.segment.text_len).collect()
        };
        assert_eq!(lens(sent(&mut tcb, &at(&config, NOW))), at_once, "{room}");
        if later > 0 {
            let (now, _) = time_out(&mut tcb, &config);
            assert_eq!(lens(sent(&mut tcb, &at(&config, now))), [later], "{room}");
        }
    }
}

// MUST-61.
#[test]
fn psh_is_on_the_last_segment_of_the_queue() {
    let config = plain();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.snd.wnd = 5000;
    tcb.on_send(1500, &cx);
    tcb.set_no_delay(true);
    let psh: Vec<_> = sent(&mut tcb, &cx)
        .iter()
        .map(|o| o.segment.ctl.psh)
        .collect();
    assert_eq!(psh, [false, true]);
}

// MUST-39: the buffer is 10,000 octets and full.
#[test]
fn a_receiver_offers_no_silly_windows() {
    let config = roomy();
    let cx = at(&config, NOW);
    for (read, offered) in [(1, 0), (999, 0), (1000, 1000), (1001, 1001), (9000, 9000)] {
        let mut tcb = idle();
        tcb.rcv.edge = tcb.rcv.nxt;
        tcb.rcv.unread = 10_000;
        tcb.on_receive(read, &cx);
        let update = tcb.next_segment(&cx).map(|o| o.segment.wnd);
        assert_eq!(update, (offered > 0).then_some(offered), "{read}");
        assert_eq!(tcb.window(), u32::from(offered));
    }
}

// The window is 7000 octets and the buffer 10,000: no update before half of it is free anew.
#[test]
fn a_wide_window_is_not_updated_for_every_read() {
    let config = roomy();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.rcv.edge = tcb.rcv.nxt + 7000;
    tcb.rcv.unread = 3000;
    for _ in 0..3 {
        tcb.on_receive(1000, &cx);
        assert_eq!(sent(&mut tcb, &cx), []);
    }
    assert_eq!(tcb.ack_segment(&cx).wnd, 10_000, "the next ACK tells it");
}

#[test]
fn windows_open_even_of_the_smallest_buffers() {
    for receive_buffer in [1, 2, 3, 10] {
        let config = Config {
            receive_buffer,
            ..plain()
        };
        let cx = at(&config, NOW);
        let mut tcb = idle();
        tcb.rcv.edge = tcb.rcv.nxt;
        tcb.rcv.unread = receive_buffer;
        tcb.on_receive(0, &cx);
        assert_eq!((sent(&mut tcb, &cx), tcb.window()), (vec![], 0));
        tcb.on_receive(receive_buffer, &cx);
        assert_eq!(sent(&mut tcb, &cx).len(), 1, "{receive_buffer}");
        assert_eq!(tcb.window(), receive_buffer);
    }
}

// What a peer with larger segments than ours waits for is told it, not kept to ourselves.
#[test]
fn a_slow_reader_lets_the_peer_see_its_window() {
    let config = roomy();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.snd.mss = 100;
    tcb.rcv.edge = tcb.rcv.nxt + 500;
    tcb.rcv.unread = 9500;
    let mut offered = 500;
    while tcb.rcv.unread > 0 {
        tcb.on_receive(100, &cx);
        for output in sent(&mut tcb, &cx) {
            offered = output.segment.wnd.into();
        }
        let free = config.receive_buffer - tcb.rcv.unread;
        assert!(
            offered >= 1000 || free < 2000,
            "the peer knows of {offered} out of {free}"
        );
    }
}

#[test]
fn no_window_is_offered_after_the_peers_fin() {
    let config = roomy();
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.rcv.edge = tcb.rcv.nxt + 9001;
    arrive(&mut tcb, &seg("FIN ACK", 300, 101, 9000), &cx);
    sent(&mut tcb, &cx);
    tcb.on_receive(9000, &cx);
    assert_eq!(sent(&mut tcb, &cx), []);
}

// SHLD-14, RFC 7323 §2.4: what was once offered is taken, whatever the shift rounds off.
#[test]
fn text_up_to_any_edge_that_was_offered_is_taken() {
    let config = Config {
        receive_buffer: 1 << 20,
        window_scale: true,
        ..plain()
    };
    let cx = at(&config, NOW);
    for nibble in 0..70 {
        let mut tcb = idle();
        tcb.rcv.shift = config.window_shift();
        tcb.rcv.edge = tcb.rcv.nxt + 1003;
        tcb.rcv.unread = config.receive_buffer - 1003;
        let mut offered = tcb.rcv.nxt;
        let mut fill = |tcb: &mut Tcb, len: u32| {
            let segment = seg("ACK", tcb.rcv.nxt.0, 101, len);
            let out = arrive(tcb, &segment, &cx);
            assert_eq!(out.deliver.len, len, "{nibble}");
            let wnd = u32::from(tcb.ack_segment(&cx).wnd) << tcb.rcv.shift;
            let edge = tcb.rcv.nxt + wnd;
            if offered.lt(edge) {
                offered = edge;
            }
            offered - tcb.rcv.nxt
        };
        fill(&mut tcb, 1);
        let room = fill(&mut tcb, nibble);
        assert!(room <= 1003);
        if room > 0 {
            fill(&mut tcb, room);
        }
    }
}

#[test]
fn unread_text_never_passes_the_buffer() {
    let config = Config {
        receive_buffer: 100_000,
        window_scale: true,
        ..plain()
    };
    let cx = at(&config, NOW);
    let mut tcb = idle();
    tcb.rcv.shift = config.window_shift();
    tcb.rcv.edge = tcb.rcv.nxt + config.receive_buffer;
    for _ in 0..200_000 {
        let segment = seg("ACK", tcb.rcv.nxt.0, 101, 1);
        arrive(&mut tcb, &segment, &cx);
        sent(&mut tcb, &cx);
    }
    assert_eq!(tcb.rcv.unread, config.receive_buffer);
}
