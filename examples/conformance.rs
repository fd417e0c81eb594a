//! Prints `CONFORMANCE.md`: the tables that `tests/ledger.rs` holds the stack to.

#[path = "../tests/ledger/calls.rs"]
mod calls;
#[path = "../tests/ledger/columns.rs"]
mod columns;
#[path = "../tests/ledger/page.rs"]
mod page;
#[path = "../tests/ledger/requirements.rs"]
mod requirements;
#[path = "../tests/ledger/segments.rs"]
mod segments;

fn main() {
    print!("{}", page::page());
}
