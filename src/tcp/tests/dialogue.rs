//! RFC 9293 figures 6 to 13, line by line, as dialogues of two blocks.

use super::*;
use State::{
    CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived,
    SynSent, TimeWait,
};

// One side of a figure. Without a block it is CLOSED, or in LISTEN.
struct Host {
    config: Config,
    tcb: Option<Tcb>,
    is_listening: bool,
    iss: u32,
    reply: Option<Segment>,
}

impl Host {
    fn closed(iss: u32) -> Self {
        Self {
            config: plain(),
            tcb: None,
            is_listening: false,
            iss,
            reply: None,
        }
    }

    fn listening(iss: u32) -> Self {
        Self {
            is_listening: true,
            ..Self::closed(iss)
        }
    }

    // ESTABLISHED, with the numbers that the figure gives it.
    fn established(snd_nxt: u32, rcv_nxt: u32) -> Self {
        let mut tcb = idle();
        tcb.snd.una = Seq(snd_nxt);
        tcb.snd.nxt = Seq(snd_nxt);
        tcb.snd.rtx = Seq(snd_nxt);
        tcb.snd.wl1 = Seq(rcv_nxt - 1);
        tcb.rcv.nxt = Seq(rcv_nxt);
        tcb.rcv.acked = Seq(rcv_nxt);
        tcb.rcv.edge = Seq(rcv_nxt + 1000);
        Self {
            tcb: Some(tcb),
            ..Self::closed(0)
        }
    }

    fn state(&self) -> State {
        let without = if self.is_listening { Listen } else { Closed };
        self.tcb.map_or(without, |tcb| tcb.state())
    }

    fn tcb(&mut self) -> &mut Tcb {
        self.tcb.as_mut().expect("a connection")
    }

    fn open(&mut self) {
        let iss = Seq(self.iss);
        self.tcb = Some(Tcb::on_open(iss, 0, &at(&self.config, NOW)));
    }

    fn close(&mut self) {
        let (cx, mut out) = (at(&self.config, NOW), Actions::default());
        self.tcb.as_mut().unwrap().on_close(&cx, &mut out);
    }

    fn send(&mut self, octets: u32) {
        let cx = at(&self.config, NOW);
        self.tcb.as_mut().unwrap().on_send(octets, &cx);
    }

    // This side sends exactly this, and is in `state`.
    fn sends(&mut self, want: &str, state: State) -> Segment {
        let cx = at(&self.config, NOW);
        let tcb = self.tcb.as_mut();
        let next = || tcb.and_then(|tcb| tcb.next_segment(&cx)).map(|o| o.segment);
        let segment = self.reply.take().or_else(next);
        assert_eq!(show_option(segment.as_ref()), want);
        assert_eq!(self.state(), state);
        segment.unwrap()
    }

    fn is_silent(&mut self) {
        let cx = at(&self.config, NOW);
        let next = self.tcb.as_mut().and_then(|tcb| tcb.next_segment(&cx));
        assert_eq!((self.reply, next), (None, None));
    }

    // A segment reaches this side and leaves it in `state`.
    fn gets(&mut self, segment: Segment, state: State) -> Actions {
        let cx = at(&self.config, NOW);
        let mut out = Actions::default();
        if let Some(tcb) = &mut self.tcb {
            tcb.on_segment(&segment, &cx, &mut out);
            self.reply = out.reply;
            if tcb.state() == Closed {
                self.tcb = None;
            }
        } else if !self.is_listening {
            self.reply = reset_for(&segment);
        } else {
            match on_listen(&segment) {
                Listened::Syn => self.tcb = Some(Tcb::on_syn(&segment, Seq(self.iss), 0, &cx)),
                Listened::Reset(reset) => self.reply = Some(reset),
                Listened::Drop(_) => {}
            }
        }
        assert_eq!(self.state(), state, "after {}", show(&segment));
        out
    }

    fn times_out(&mut self, state: State) {
        let config = self.config.clone();
        time_out(self.tcb(), &config);
        assert_eq!(self.state(), state);
    }
}

#[test]
fn figure_6_basic_three_way_handshake() {
    let (mut a, mut b) = (Host::closed(100), Host::listening(300));
    a.open();
    let syn = a.sends("<SEQ=100><CTL=SYN>", SynSent);
    b.gets(syn, SynReceived);
    let syn_ack = b.sends("<SEQ=300><ACK=101><CTL=SYN,ACK>", SynReceived);
    a.gets(syn_ack, Established);
    a.send(1);
    a.tcb().set_no_delay(true);
    // Lines 4 and 5 in one: the ACK rides on the text.
    let text = a.sends("<SEQ=101><ACK=301><DATA=1><CTL=ACK>", Established);
    assert_eq!(b.gets(text, Established).deliver.len, 1);
    a.is_silent();
    b.is_silent();
}

#[test]
fn figure_6_with_its_bare_ack() {
    let (mut a, mut b) = (Host::closed(100), Host::listening(300));
    a.open();
    let syn = a.sends("<SEQ=100><CTL=SYN>", SynSent);
    b.gets(syn, SynReceived);
    let syn_ack = b.sends("<SEQ=300><ACK=101><CTL=SYN,ACK>", SynReceived);
    a.gets(syn_ack, Established);
    let ack = a.sends("<SEQ=101><ACK=301><CTL=ACK>", Established);
    assert!(b.gets(ack, Established).opened);
    a.send(1);
    let text = a.sends("<SEQ=101><ACK=301><DATA=1><CTL=ACK>", Established);
    b.gets(text, Established);
}

#[test]
fn figure_7_simultaneous_connection_synchronization() {
    let (mut a, mut b) = (Host::closed(100), Host::closed(300));
    a.open();
    b.open();
    let syn_a = a.sends("<SEQ=100><CTL=SYN>", SynSent);
    let syn_b = b.sends("<SEQ=300><CTL=SYN>", SynSent);
    a.gets(syn_b, SynReceived);
    b.gets(syn_a, SynReceived);
    let answer_a = a.sends("<SEQ=100><ACK=301><CTL=SYN,ACK>", SynReceived);
    let answer_b = b.sends("<SEQ=300><ACK=101><CTL=SYN,ACK>", SynReceived);
    a.gets(answer_b, Established);
    b.gets(answer_a, Established);
    a.is_silent();
    b.is_silent();
}

#[test]
fn figure_8_recovery_from_old_duplicate_syn() {
    let (mut a, mut b) = (Host::closed(100), Host::listening(300));
    a.open();
    let syn = a.sends("<SEQ=100><CTL=SYN>", SynSent);
    b.gets(seg("SYN", 90, 0, 0), SynReceived);
    let syn_ack = b.sends("<SEQ=300><ACK=91><CTL=SYN,ACK>", SynReceived);
    a.gets(syn_ack, SynSent);
    let reset = a.sends("<SEQ=91><CTL=RST>", SynSent);
    b.gets(reset, Listen);
    b.iss = 400;
    b.gets(syn, SynReceived);
    let syn_ack = b.sends("<SEQ=400><ACK=101><CTL=SYN,ACK>", SynReceived);
    a.gets(syn_ack, Established);
    let ack = a.sends("<SEQ=101><ACK=401><CTL=ACK>", Established);
    b.gets(ack, Established);
}

#[test]
fn figure_9_half_open_connection_discovery() {
    let (mut a, mut b) = (Host::closed(400), Host::established(300, 100));
    a.open();
    let syn = a.sends("<SEQ=400><CTL=SYN>", SynSent);
    b.gets(syn, Established);
    let ack = b.sends("<SEQ=300><ACK=100><CTL=ACK>", Established);
    a.gets(ack, SynSent);
    let reset = a.sends("<SEQ=100><CTL=RST>", SynSent);
    assert_eq!(b.gets(reset, Closed).ended, Some(End::Reset));
    // Line 7: the SYN goes again, and finds nobody.
    a.times_out(SynSent);
    let syn = a.sends("<SEQ=400><CTL=SYN>", SynSent);
    b.gets(syn, Closed);
    let reset = b.sends("<SEQ=0><ACK=401><CTL=RST,ACK>", Closed);
    assert_eq!(a.gets(reset, Closed).ended, Some(End::Refused));
}

#[test]
fn figure_10_active_side_causes_half_open_connection_discovery() {
    let (mut a, mut b) = (Host::closed(0), Host::established(300, 100));
    b.send(10);
    let text = b.sends("<SEQ=300><ACK=100><DATA=10><CTL=ACK>", Established);
    a.gets(text, Closed);
    let reset = a.sends("<SEQ=100><CTL=RST>", Closed);
    assert_eq!(b.gets(reset, Closed).ended, Some(End::Reset));
}

#[test]
fn figure_11_old_duplicate_syn_initiates_a_reset_on_two_passive_sockets() {
    let (mut a, mut b) = (Host::listening(100), Host::listening(300));
    b.gets(seg("SYN", 700, 0, 0), SynReceived);
    let syn_ack = b.sends("<SEQ=300><ACK=701><CTL=SYN,ACK>", SynReceived);
    a.gets(syn_ack, Listen);
    let reset = a.sends("<SEQ=701><CTL=RST>", Listen);
    b.gets(reset, Listen);
    a.is_silent();
    b.is_silent();
}

#[test]
fn figure_12_normal_close_sequence() {
    let (mut a, mut b) = (Host::established(100, 300), Host::established(300, 100));
    a.close();
    let fin = a.sends("<SEQ=100><ACK=300><CTL=FIN,ACK>", FinWait1);
    assert!(b.gets(fin, CloseWait).finished);
    let ack = b.sends("<SEQ=300><ACK=101><CTL=ACK>", CloseWait);
    a.gets(ack, FinWait2);
    b.close();
    let fin = b.sends("<SEQ=300><ACK=101><CTL=FIN,ACK>", LastAck);
    assert_eq!(a.gets(fin, TimeWait).ended, Some(End::Closed));
    let ack = a.sends("<SEQ=101><ACK=301><CTL=ACK>", TimeWait);
    assert_eq!(b.gets(ack, Closed).ended, Some(End::Closed));
    a.times_out(Closed);
}

#[test]
fn figure_13_simultaneous_close_sequence() {
    let (mut a, mut b) = (Host::established(100, 300), Host::established(300, 100));
    a.close();
    b.close();
    let fin_a = a.sends("<SEQ=100><ACK=300><CTL=FIN,ACK>", FinWait1);
    let fin_b = b.sends("<SEQ=300><ACK=100><CTL=FIN,ACK>", FinWait1);
    a.gets(fin_b, Closing);
    b.gets(fin_a, Closing);
    let ack_a = a.sends("<SEQ=101><ACK=301><CTL=ACK>", Closing);
    let ack_b = b.sends("<SEQ=301><ACK=101><CTL=ACK>", Closing);
    assert_eq!(a.gets(ack_b, TimeWait).ended, Some(End::Closed));
    assert_eq!(b.gets(ack_a, TimeWait).ended, Some(End::Closed));
    a.times_out(Closed);
    b.times_out(Closed);
}
