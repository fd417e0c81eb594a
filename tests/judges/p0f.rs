//! p0f: what it takes us for, with cookies and without.

use crate::expert::Capture;
use crate::stage::{ECHO, Stage};
use libtest_mimic::Failed;
use seawall::shard::SynCookies;
use std::process::Command;

pub(crate) fn same_signature() -> Result<(), Failed> {
    let of_syn_ack = signature(SynCookies::Never)?;
    let of_cookie = signature(SynCookies::Always)?;
    assert_eq!(of_syn_ack, of_cookie);
    // Version, hops, options of IP, MSS, window and scale, options, quirks, text.
    let parts: Vec<&str> = of_cookie.split(':').collect();
    assert_eq!(parts.len(), 8, "{of_cookie}");
    assert_eq!((parts[0], parts[1], parts[2]), ("4", "64+0", "0"));
    assert_eq!(parts[5], "mss,sok,ts,nop,ws");
    assert!(!parts[6].contains("bad"), "{of_cookie}");
    Ok(())
}

// Of what we answer to a SYN of the kernel.
fn signature(cookies: SynCookies) -> Result<String, Failed> {
    let Capture(file) = &Capture::new(&format!("{cookies:?}"));
    let stage = Stage::with(|config| {
        config.capture = Some(file.clone());
        config.shard.syn_cookies = cookies;
    })?;
    stage.echo(stage.at(ECHO), b"who are you?")?;
    stage.stop(1)?;
    let output = Command::new("p0f").arg("-r").arg(file).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let mut ours = told.lines().skip_while(|line| !line.contains("(syn+ack)"));
    let signature = ours.find_map(|line| line.strip_prefix("| raw_sig  = "));
    signature
        .map(str::to_owned)
        .ok_or_else(|| format!("no signature of a SYN-ACK in: {told}").into())
}
