//! SEGMENT ARRIVES (RFC 9293 §3.10.7, with RFC 5961 where it speaks for it): what arrives, where in
//! the receive window, with which ACK field; and what each state answers and becomes.
//!
//! Answers: `-` nothing; `ACK` `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, `ACK+n` with RCV.NXT moved by
//! `n`; `RST` `<SEQ=SEG.ACK><CTL=RST>`; `RST+ACK` `<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>`;
//! `SYN+ACK` `<SEQ=ISS><ACK=SEG.SEQ+1><CTL=SYN,ACK>`. In SYN-SENT, where there is no RCV.NXT yet, `n`
//! counts from SEG.SEQ.

use At::{Before, Inside, Left, Past, Right, Straddle};
use Field::{All, None, Old, Oldest, Una, Unsent};

/// Where the segment lies in the window RCV.NXT..RCV.NXT+RCV.WND.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// It ends right before RCV.NXT.
    Before,
    /// Half of its text, or the octet behind its SYN, is at RCV.NXT.
    Straddle,
    /// It begins at RCV.NXT.
    Left,
    /// 100 past RCV.NXT.
    Inside,
    /// It begins with the last number of the window.
    Right,
    /// It begins with the first number past it.
    Past,
}

/// The ACK field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// There is none.
    None,
    /// SND.NXT
    All,
    /// SND.UNA: one less than SND.NXT, but the same in FIN-WAIT-2 and TIME-WAIT.
    Una,
    /// SND.NXT+1
    Unsent,
    /// SND.UNA-MAX.SND.WND, the oldest that RFC 5961 §5.2 takes.
    Oldest,
    /// One less.
    Old,
}

pub(crate) struct Row {
    pub(crate) ctl: &'static str,
    pub(crate) text: u32,
    pub(crate) at: At,
    pub(crate) ack: Field,
    pub(crate) cells: &'static str,
}

const fn row(ctl: &'static str, text: u32, at: At, ack: Field, cells: &'static str) -> Row {
    Row {
        ctl,
        text,
        at,
        ack,
        cells,
    }
}

// In the order of the checks: RST, SYN, ACK, text, FIN; each along the window, then along the ACK field.
#[rustfmt::skip]
pub(crate) const SEGMENTS: &[Row] = &[
    //                               CL      LI          SS          SP        SA        ES     F1     F2     CW     CG     LA     TW
    row("RST", 0, Before, None,     "-       -           -           -         -         -      -      -      -      -      -      -"),
    row("RST", 0, Left, None,       "-       -           -           ->LI      ->CL      ->CL   ->CL   ->CL   ->CL   ->CL   ->CL   -*a"),
    row("RST", 0, Inside, None,     "-       -           -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("RST", 0, Right, None,      "-       -           -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("RST", 0, Past, None,       "-       -           -           -         -         -      -      -      -      -      -      -"),
    row("RST", 10, Left, None,      "-       -           -           ->LI      ->CL      ->CL   ->CL   ->CL   ->CL   ->CL   ->CL   -*a"),
    row("RST,ACK", 0, Before, All,  "-       -           ->CL        -         -         -      -      -      -      -      -      -"),
    row("RST,ACK", 0, Left, All,    "-       -           ->CL        ->LI      ->CL      ->CL   ->CL   ->CL   ->CL   ->CL   ->CL   -*a"),
    row("RST,ACK", 0, Left, Una,    "-       -           -           ->LI      ->CL      ->CL   ->CL   ->CL   ->CL   ->CL   ->CL   -*a"),
    row("RST,ACK", 0, Left, Unsent, "-       -           -           ->LI      ->CL      ->CL   ->CL   ->CL   ->CL   ->CL   ->CL   -*a"),
    row("RST,ACK", 0, Inside, All,  "-       -           ->CL        ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("RST,ACK", 0, Right, All,   "-       -           ->CL        ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("RST,ACK", 0, Past, All,    "-       -           ->CL        -         -         -      -      -      -      -      -      -"),
    row("RST,SYN", 0, Before, None, "-       -           -           -         -         -      -      -      -      -      -      -"),
    row("RST,SYN", 0, Left, None,   "-       -           -           ->LI      ->CL      ->CL   ->CL   ->CL   ->CL   ->CL   ->CL   -*a"),
    row("RST,SYN", 0, Inside, None, "-       -           -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("RST,SYN", 0, Past, None,   "-       -           -           -         -         -      -      -      -      -      -      -"),
    row("RST,FIN", 0, Left, None,   "-       -           -           ->LI      ->CL      ->CL   ->CL   ->CL   ->CL   ->CL   ->CL   -*a"),
    row("URG,ACK,PSH,RST,SYN,FIN", 0, Left, All, "- -    ->CL        ->LI      ->CL      ->CL   ->CL   ->CL   ->CL   ->CL   ->CL   -*a"),

    row("SYN", 0, Before, None,     "RST+ACK SYN+ACK>SR  SYN+ACK>SR  SYN+ACK*b SYN+ACK*b ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN", 0, Left, None,       "RST+ACK SYN+ACK>SR  SYN+ACK>SR  ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN", 0, Inside, None,     "RST+ACK SYN+ACK>SR  SYN+ACK>SR  ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    SYN+ACK>SR"),
    row("SYN", 0, Right, None,      "RST+ACK SYN+ACK>SR  SYN+ACK>SR  ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    SYN+ACK>SR"),
    row("SYN", 0, Past, None,       "RST+ACK SYN+ACK>SR  SYN+ACK>SR  ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    SYN+ACK>SR"),
    row("SYN", 10, Left, None,      "RST+ACK SYN+ACK>SR*c SYN+ACK>SR*c ->LI    ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,FIN", 0, Before, None, "RST+ACK SYN+ACK>SR*c SYN+ACK>SR*c ACK     ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,FIN", 0, Straddle, None, "RST+ACK SYN+ACK>SR*c SYN+ACK>SR*c SYN+ACK*b SYN+ACK*b ACK ACK   ACK    ACK    ACK    ACK    ACK"),
    row("SYN,FIN", 0, Left, None,   "RST+ACK SYN+ACK>SR*c SYN+ACK>SR*c ->LI    ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,FIN", 0, Inside, None, "RST+ACK SYN+ACK>SR*c SYN+ACK>SR*c ->LI    ACK       ACK    ACK    ACK    ACK    ACK    ACK    SYN+ACK>SR*c"),
    row("SYN,FIN", 0, Right, None,  "RST+ACK SYN+ACK>SR*c SYN+ACK>SR*c ->LI    ACK       ACK    ACK    ACK    ACK    ACK    ACK    SYN+ACK>SR*c"),
    row("SYN,FIN", 0, Past, None,   "RST+ACK SYN+ACK>SR*c SYN+ACK>SR*c ACK     ACK       ACK    ACK    ACK    ACK    ACK    ACK    SYN+ACK>SR*c"),
    row("SYN,ACK", 0, Before, All,  "RST     RST         ACK+1>ES    ACK       ->ES*d    ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,ACK", 0, Left, All,    "RST     RST         ACK+1>ES    ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,ACK", 0, Inside, All,  "RST     RST         ACK+1>ES    ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,ACK", 0, Right, All,   "RST     RST         ACK+1>ES    ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,ACK", 0, Past, All,    "RST     RST         ACK+1>ES    ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,ACK", 0, Before, Una,  "RST     RST         RST         ACK       RST*d     ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,ACK", 0, Left, Una,    "RST     RST         RST         ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,ACK", 0, Left, Unsent, "RST     RST         RST         ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,ACK", 10, Left, All,   "RST     RST         ACK+11>ES   ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,FIN,ACK", 0, Left, All, "RST    RST         ACK+2>CW    ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("SYN,FIN,ACK", 10, Left, All, "RST   RST         ACK+12>CW   ->LI      ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),

    row("ACK", 0, Before, All,      "RST     RST         -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("ACK", 0, Left, All,        "RST     RST         -           ->ES      ->ES      -      ->F2   -      -      ->TW   ->CL   -*e"),
    row("ACK", 0, Inside, All,      "RST     RST         -           ->ES      ->ES      -      ->F2   -      -      ->TW   ->CL   -*e"),
    row("ACK", 0, Right, All,       "RST     RST         -           ->ES      ->ES      -      ->F2   -      -      ->TW   ->CL   -*e"),
    row("ACK", 0, Past, All,        "RST     RST         -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("ACK", 0, Left, Una,        "RST     RST         RST         RST       RST       -      -      -      -      -      -      -*e"),
    row("ACK", 0, Left, Unsent,     "RST     RST         RST         RST       RST       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("ACK", 0, Left, Oldest,     "RST     RST         RST         RST       RST       -      -      -      -      -      -      -*e"),
    row("ACK", 0, Left, Old,        "RST     RST         RST         RST       RST       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("", 0, Before, None,        "RST+ACK -           -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("", 0, Left, None,          "RST+ACK -           -           -         -         -      -      -      -      -      -      -"),
    row("", 0, Inside, None,        "RST+ACK -           -           -         -         -      -      -      -      -      -      -"),
    row("", 0, Right, None,         "RST+ACK -           -           -         -         -      -      -      -      -      -      -"),
    row("", 0, Past, None,          "RST+ACK -           -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),

    row("", 10, Before, None,       "RST+ACK -           -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("", 10, Straddle, None,     "RST+ACK -           -           -         -         -      -      -      -      -      -      -"),
    row("", 10, Left, None,         "RST+ACK -           -           -         -         -      -      -      -      -      -      -"),
    row("", 10, Inside, None,       "RST+ACK -           -           -         -         -      -      -      -      -      -      -"),
    row("", 10, Right, None,        "RST+ACK -           -           -         -         -      -      -      -      -      -      -"),
    row("", 10, Past, None,         "RST+ACK -           -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("ACK", 10, Before, All,     "RST     RST         -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("ACK", 10, Straddle, All,   "RST     RST         -           ACK+5>ES  ACK+5>ES  ACK+5  ACK+5>F2 ACK+5 -    ->TW   ->CL   ACK"),
    row("ACK", 10, Left, All,       "RST     RST         -           ACK+10>ES ACK+10>ES ACK+10 ACK+10>F2 ACK+10 -  ->TW   ->CL   ACK"),
    row("ACK", 10, Inside, All,     "RST     RST         -           ACK>ES    ACK>ES    ACK    ACK>F2 ACK    -      ->TW   ->CL   ACK"),
    row("ACK", 10, Right, All,      "RST     RST         -           ACK>ES    ACK>ES    ACK    ACK>F2 ACK    -      ->TW   ->CL   ACK"),
    row("ACK", 10, Past, All,       "RST     RST         -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("ACK", 10, Left, Una,       "RST     RST         RST         RST       RST       ACK+10 ACK+10 ACK+10 -      -      -      ACK"),
    row("ACK", 10, Left, Unsent,    "RST     RST         RST         RST       RST       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("ACK", 10, Left, Old,       "RST     RST         RST         RST       RST       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("URG,ACK", 10, Left, All,   "RST     RST         -           ACK+10>ES ACK+10>ES ACK+10 ACK+10>F2 ACK+10 -  ->TW   ->CL   ACK"),

    row("FIN", 0, Before, None,     "RST+ACK -           -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("FIN", 0, Left, None,       "RST+ACK -           -           -         -         -      -      -      -      -      -      -"),
    row("FIN", 0, Inside, None,     "RST+ACK -           -           -         -         -      -      -      -      -      -      -"),
    row("FIN", 0, Right, None,      "RST+ACK -           -           -         -         -      -      -      -      -      -      -"),
    row("FIN", 0, Past, None,       "RST+ACK -           -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("URG,PSH,FIN", 0, Left, None, "RST+ACK -         -           -         -         -      -      -      -      -      -      -"),
    row("URG,PSH,FIN", 0, Past, None, "RST+ACK -         -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("FIN,ACK", 0, Before, All,  "RST     RST         -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("FIN,ACK", 0, Left, All,    "RST     RST         -           ACK+1>CW  ACK+1>CW  ACK+1>CW ACK+1>TW ACK+1>TW -*f ->TW*f ->CL ACK*f"),
    row("FIN,ACK", 0, Inside, All,  "RST     RST         -           ACK>ES    ACK>ES    ACK    ACK>F2 ACK    -*f    ->TW*f ->CL   ACK"),
    row("FIN,ACK", 0, Right, All,   "RST     RST         -           ACK>ES    ACK>ES    ACK    ACK>F2 ACK    -*f    ->TW*f ->CL   ACK"),
    row("FIN,ACK", 0, Past, All,    "RST     RST         -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("FIN,ACK", 0, Left, Una,    "RST     RST         RST         RST       RST       ACK+1>CW ACK+1>CG ACK+1>TW -*f -*f   -*f    ACK*f"),
    row("FIN,ACK", 0, Left, Unsent, "RST     RST         RST         RST       RST       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("FIN,ACK", 0, Left, Old,    "RST     RST         RST         RST       RST       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("FIN,ACK", 10, Before, All, "RST     RST         -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
    row("FIN,ACK", 10, Left, All,   "RST     RST         -           ACK+11>CW ACK+11>CW ACK+11>CW ACK+11>TW ACK+11>TW -*f ->TW*f ->CL ACK*f"),
    row("FIN,ACK", 10, Inside, All, "RST     RST         -           ACK>ES    ACK>ES    ACK    ACK>F2 ACK    -*f    ->TW*f ->CL   ACK"),
    row("FIN,ACK", 10, Past, All,   "RST     RST         -           ACK       ACK       ACK    ACK    ACK    ACK    ACK    ACK    ACK"),
];
