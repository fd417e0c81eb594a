//! The calls of the user (RFC 9293 §3.10.1 to §3.10.6) in each state.
//!
//! Answers: `error`, `ok`, or `ok` shown by what is sent: `SYN` `<SEQ=ISS><CTL=SYN>`; `text`
//! `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>` with what was to be sent; `FIN`
//! `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=FIN,ACK>`; `RST`
//! `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>`.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    ActiveOpen,
    PassiveOpen,
    Send,
    Receive,
    Close,
    Abort,
    Status,
}

impl Call {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ActiveOpen => "OPEN, active",
            Self::PassiveOpen => "OPEN, passive",
            Self::Send => "SEND",
            Self::Receive => "RECEIVE",
            Self::Close => "CLOSE",
            Self::Abort => "ABORT",
            Self::Status => "STATUS",
        }
    }
}

#[rustfmt::skip]
pub(crate) const CALLS: &[(Call, &str)] = &[
    //                   CL     LI       SS      SP      SA      ES     F1     F2     CW     CG     LA     TW
    (Call::ActiveOpen,  "SYN>SS SYN>SS*g error   error   error   error  error  error  error  error  error  error"),
    (Call::PassiveOpen, "ok>LI  error    ok      ok      ok      ok     ok     ok     ok     ok     ok     ok"),
    (Call::Send,        "error  error    error*h error*h error*h text   error  error  text   error  error  error"),
    (Call::Receive,     "error  error    error*h error*h error*h ok     ok     ok     error  error  error  error"),
    (Call::Close,       "error  ok>CL    ok>CL   FIN>F1  FIN>F1  FIN>F1 ok*i   ok*i   FIN>LA ok*i   ok*i   ok*i"),
    (Call::Abort,       "error  ok>CL    ok>CL   RST>CL*l RST>CL*l RST>CL*l RST>CL*l RST>CL*l RST>CL*l ok>CL  ok>CL  error*j"),
    (Call::Status,      "error  error*k  ok      ok      ok      ok     ok     ok     ok     ok     ok     ok"),
];
