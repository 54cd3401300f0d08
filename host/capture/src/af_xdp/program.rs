//! The program that runs in the kernel for each frame: it notes the time, and redirects the frame to us or lets it pass to the machine.
//!
//! It is made here, instruction by instruction (RFC 9669), so that no compiler is needed. A filter is the classic program of
//! [`PacketFilter`](crate::PacketFilter), translated: the same logic decides for every way to capture.

use crate::Instruction;

/// One instruction, as `struct bpf_insn` has it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Insn {
    op: u8,
    /// Destination in the low half, source in the high one.
    regs: u8,
    off: i16,
    imm: i32,
}

const fn insn(op: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn { op, regs: dst | src << 4, off, imm }
}

// Registers: the context, the filter's accumulator and index, where the time is written, and the stack.
const CTX: u8 = 6;
const A: u8 = 7;
const X: u8 = 8;
const META: u8 = 9;
const STACK: u8 = 10;

// Offsets in `struct xdp_md` (linux/bpf.h).
const MD_DATA: i16 = 0;
const MD_DATA_META: i16 = 8;
const MD_RX_QUEUE_INDEX: i16 = 16;

// Helpers (enum bpf_func_id).
const KTIME_GET_NS: i32 = 5;
const REDIRECT_MAP: i32 = 51;
const ADJUST_META: i32 = 54;
const LOAD_BYTES: i32 = 189;

const XDP_PASS: i32 = 2;
/// A load of 64 bits of which the constant is a map's descriptor.
const PSEUDO_MAP_FD: u8 = 1;

/// Bytes before the frame in which its time stands.
pub(super) const TIME_BYTES: usize = 8;

/// The stack: a word that was loaded, then the filter's scratch memory.
const LOADED: i16 = -8;
const SCRATCH: i16 = -16;
const SCRATCH_CELLS: i16 = 16;

const fn mov(dst: u8, src: u8) -> Insn {
    insn(0xbf, dst, src, 0, 0)
}

const fn mov_imm(dst: u8, imm: i32) -> Insn {
    insn(0xb7, dst, 0, 0, imm)
}

const fn call(helper: i32) -> Insn {
    insn(0x85, 0, 0, 0, helper)
}

/// Frames that `filter` wants (all without one) go to the socket in `map` that stands for their queue, with their time before them if wanted.
pub(super) fn redirecting(map: i32, filter: &[Instruction], times: bool) -> Vec<Insn> {
    let mut code = vec![mov(CTX, 1)];
    let mut not_wanted = Vec::new();
    if !filter.is_empty() {
        translate(filter, &mut code, &mut not_wanted);
    }
    if times {
        note_time(&mut code);
    }
    code.extend([
        insn(0x61, 2, CTX, MD_RX_QUEUE_INDEX, 0),
        insn(0x18, 1, PSEUDO_MAP_FD, 0, map),
        insn(0, 0, 0, 0, 0),
        // Of a queue without a socket.
        mov_imm(3, XDP_PASS),
        call(REDIRECT_MAP),
        insn(0x95, 0, 0, 0, 0),
    ]);
    let pass = code.len();
    // The kernel refuses instructions that nothing leads to.
    if !not_wanted.is_empty() {
        code.extend([mov_imm(0, XDP_PASS), insn(0x95, 0, 0, 0, 0)]);
    }
    for at in not_wanted {
        code[at].off = distance(at, pass);
    }
    code
}

/// Writes the time before the frame.
fn note_time(code: &mut Vec<Insn>) {
    code.extend([
        // Room for it; a driver that has none leaves the frame as it is.
        mov(1, CTX),
        mov_imm(2, -(TIME_BYTES as i32)),
        call(ADJUST_META),
        insn(0x55, 0, 0, 7, 0),
        insn(0x61, META, CTX, MD_DATA_META, 0),
        insn(0x61, 3, CTX, MD_DATA, 0),
        mov(4, META),
        insn(0x07, 4, 0, 0, TIME_BYTES as i32),
        // The verifier wants to see that it is there.
        insn(0x2d, 4, 3, 2, 0),
        call(KTIME_GET_NS),
        insn(0x7b, META, 0, 0, 0),
    ]);
}

/// Every frame goes out of an interface.
pub(super) fn sending(interface: u32) -> Vec<Insn> {
    const REDIRECT: i32 = 23;
    vec![mov_imm(1, interface as i32), mov_imm(2, 0), call(REDIRECT), insn(0x95, 0, 0, 0, 0)]
}

/// Every frame goes its way.
pub(super) fn passing() -> Vec<Insn> {
    vec![mov_imm(0, XDP_PASS), insn(0x95, 0, 0, 0, 0)]
}

/// From the instruction after `from` to `to`; the kernel refuses a program that is too long for it.
fn distance(from: usize, to: usize) -> i16 {
    i16::try_from(to as i64 - from as i64 - 1).unwrap_or(i16::MAX)
}

/// The classic program in the kernel's own instructions. Control goes on behind it with a frame that is wanted; `not_wanted` has the jumps
/// for others.
fn translate(filter: &[Instruction], code: &mut Vec<Insn>, not_wanted: &mut Vec<usize>) {
    code.extend([mov_imm(A, 0), mov_imm(X, 0)]);
    code.extend((0..SCRATCH_CELLS / 2).map(|pair| insn(0x7a, STACK, 0, SCRATCH - 8 * pair, 0)));
    let reached = reached(filter);
    let mut starts = Vec::with_capacity(filter.len());
    // Jumps to classic instructions, and to the end.
    let mut jumps: Vec<(usize, usize)> = Vec::new();
    for (index, classic) in filter.iter().enumerate() {
        starts.push(code.len());
        if !reached[index] {
            continue;
        }
        let Instruction { code: op, jt, jf, k } = *classic;
        let imm = k as i32;
        match op {
            // A = bytes at X + k
            0x40 | 0x48 | 0x50 => load(op, imm, code, not_wanted),
            // What was taken off a frame by the network card: XDP runs before that.
            0x20 | 0x00 => code.push(insn(0xb4, A, 0, 0, if op == 0 { imm } else { 0 })),
            0x60 => code.push(insn(0x61, A, STACK, cell(k), 0)),
            0x61 => code.push(insn(0x61, X, STACK, cell(k), 0)),
            0x01 => code.push(insn(0xb4, X, 0, 0, imm)),
            0x02 => code.push(insn(0x63, STACK, A, cell(k), 0)),
            // 32-bit arithmetic has the classic numbers.
            0x04 | 0x54 | 0x64 | 0x74 => code.push(insn(op as u8, A, 0, 0, imm)),
            0x0c => code.push(insn(0x0c, A, X, 0, 0)),
            0x07 => code.push(insn(0xbc, X, A, 0, 0)),
            0x87 => code.push(insn(0xbc, A, X, 0, 0)),
            0x05 => {
                jumps.push((code.len(), index + 1 + k as usize));
                code.push(insn(0x05, 0, 0, 0, 0));
            }
            // Comparisons of 32 bits: the other way by a jump of its own.
            0x15 | 0x45 => {
                jumps.push((code.len(), index + 1 + usize::from(jt)));
                code.push(insn(op as u8 + 1, A, 0, 0, imm));
                jumps.push((code.len(), index + 1 + usize::from(jf)));
                code.push(insn(0x05, 0, 0, 0, 0));
            }
            // 0x06: what is wanted goes on behind the filter.
            _ => {
                if k == 0 {
                    not_wanted.push(code.len());
                } else {
                    jumps.push((code.len(), filter.len()));
                }
                code.push(insn(0x05, 0, 0, 0, 0));
            }
        }
    }
    starts.push(code.len());
    for (at, to) in jumps {
        code[at].off = distance(at, starts.get(to).copied().unwrap_or(code.len()));
    }
}

/// The classic instructions that something leads to; all jumps lead forward.
fn reached(filter: &[Instruction]) -> Vec<bool> {
    let mut reached = vec![false; filter.len()];
    let reach = |reached: &mut Vec<bool>, to: usize| reached.get_mut(to).into_iter().for_each(|r| *r = true);
    reach(&mut reached, 0);
    for (index, Instruction { code, jt, jf, k }) in filter.iter().enumerate() {
        let next = match code {
            _ if !reached[index] => continue,
            0x05 => [*k as usize; 2],
            0x15 | 0x45 => [usize::from(*jt), usize::from(*jf)],
            0x06 => continue,
            _ => [0; 2],
        };
        next.into_iter().for_each(|skipped| reach(&mut reached, index + 1 + skipped));
    }
    reached
}

/// The scratch memory's cell.
fn cell(k: u32) -> i16 {
    SCRATCH - 4 * (k as i16 % SCRATCH_CELLS) + 4
}

/// A load from the frame; beyond its end, it is not wanted.
fn load(op: u16, k: i32, code: &mut Vec<Insn>, not_wanted: &mut Vec<usize>) {
    let (size, read, bits) = match op {
        0x40 => (4, 0x61, 32),
        0x48 => (2, 0x69, 16),
        _ => (1, 0x71, 0),
    };
    code.extend([mov(1, CTX), insn(0xbc, 2, X, 0, 0), insn(0x04, 2, 0, 0, k), mov(3, STACK), insn(0x07, 3, 0, 0, i32::from(LOADED))]);
    code.extend([mov_imm(4, size), call(LOAD_BYTES)]);
    not_wanted.push(code.len());
    code.push(insn(0x55, 0, 0, 0, 0));
    code.push(insn(read, A, STACK, LOADED, 0));
    if bits > 0 {
        // From the network's order.
        code.push(insn(0xdc, A, 0, 0, bits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PacketFilter;

    #[test]
    fn jumps_stay_inside_the_program() {
        let filter = PacketFilter {
            ports: Some([80, 443].into()),
            addresses: Some(["10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()].into()),
            vlans: Some([7].into()),
            tunnel_ports: &[4789],
        };
        let code = redirecting(3, &filter.program(true, 1), true);
        for (at, i) in code.iter().enumerate() {
            let jumps = i.op & 0x07 == 0x05 && ![0x85, 0x95].contains(&i.op) || i.op & 0x07 == 0x06;
            let to = at as i64 + 1 + i64::from(i.off);
            assert!(!jumps || (to > at as i64 && to < code.len() as i64), "{at}: {i:?}");
        }
        assert_eq!(code.iter().filter(|i| i.op == 0x95).count(), 2);
        assert_eq!([true, false].map(|times| redirecting(3, &[], times).len()), [18, 7]);
    }

    #[test]
    fn cells_do_not_overlap() {
        let cells: std::collections::BTreeSet<i16> = (0..16).map(cell).collect();
        assert_eq!((cells.len(), cells.first(), cells.last()), (16, Some(&-72), Some(&-12)));
    }
}
