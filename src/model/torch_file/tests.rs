#![allow(clippy::unwrap_used)]

use super::parse;

/// A small file of `torch.save`: `fixture.pt`, with a tensor of each type.
///
/// ```python
/// import collections, torch
/// sd = collections.OrderedDict()
/// for dtype in ["float32", "float64", "float16", "bfloat16"]:
///     sd[dtype] = torch.tensor([[1.0, -2.5, 3.0], [0.5, 65504.0, 0.0]], dtype=getattr(torch, dtype))
/// sd["second"] = torch.arange(6.0)[2:5]
/// sd["parameter"] = torch.nn.Parameter(torch.tensor([7.0]))
/// sd["scalar"] = torch.tensor(3.5)
/// sd["num_batches_tracked"] = torch.tensor(5)
/// torch.save({"epoch": 3, "lr": 0.5, "history": [1, 2, {"a": None}], "state_dict": sd}, "fixture.pt")
/// torch.save({"t": torch.arange(6.0).reshape(2, 3).T}, "transposed.pt")
/// ```
const FIXTURE: &[u8] = include_bytes!("fixture.pt");
const TRANSPOSED: &[u8] = include_bytes!("transposed.pt");

#[test]
fn what_pytorch_saved_is_read() {
    let arrays = parse(FIXTURE, "f.pt").unwrap();
    let get = |name: &str, shape: &[usize]| arrays.get(name, shape).unwrap().to_vec();
    for name in ["float32", "float64", "float16"] {
        assert_eq!(get(name, &[2, 3]), [1.0, -2.5, 3.0, 0.5, 65504.0, 0.0], "{name}");
    }
    assert_eq!(get("bfloat16", &[2, 3]), [1.0, -2.5, 3.0, 0.5, 65536.0, 0.0]);
    assert_eq!(get("second", &[3]), [2.0, 3.0, 4.0]);
    assert_eq!(get("parameter", &[1]), [7.0]);
    assert_eq!(get("scalar", &[]), [3.5]);
    assert_eq!(arrays.0.len(), 7);
}

fn refused(bytes: &[u8]) -> String {
    let e = parse(bytes, "w.pt").unwrap_err();
    assert_eq!(e.kind(), crate::ErrorKind::Input);
    let e = e.to_string();
    assert!(
        e.starts_with("w.pt ") && e.ends_with("; save the weights again with torch.save(model.state_dict(), FILE)"),
        "{e}"
    );
    e
}

#[test]
fn what_is_no_such_file_is_refused_in_words() {
    assert!(refused(b"").contains("is no file of torch.save"));
    assert!(refused(b"\x80\x02}q\x00.").contains("is no file of torch.save (PyTorch 1.6 or later)"));
    assert!(refused(b"PK\x03\x04").contains("is damaged"));
    assert!(
        refused(TRANSPOSED).contains("tensor t that cannot be read: its strides [1, 3] are not those of shape [3, 2]")
    );
}

/// Cut anywhere, or with any byte changed, a file gives an error or arrays, and no panic.
#[test]
fn damage_is_no_panic() {
    for n in (0..FIXTURE.len()).step_by(7) {
        refused(&FIXTURE[..n]);
    }
    for i in 0..FIXTURE.len() {
        let mut bytes = FIXTURE.to_vec();
        for change in [0xff, 0x01, 0x80] {
            bytes[i] = FIXTURE[i] ^ change;
            let _ = parse(&bytes, "w.pt");
        }
    }
}

/// A file of one entry of `torch.save` around a pickle of one's own.
fn around(program: &[u8]) -> Vec<u8> {
    let entries: [(&str, &[u8]); 2] = [("a/data.pkl", program), ("a/data/0", &[0; 16])];
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let (at, length) = (bytes.len() as u32, (content.len() as u32).to_le_bytes());
        bytes.extend(b"PK\x03\x04");
        bytes.extend([0; 22]);
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(name.as_bytes());
        bytes.extend(content);
        directory.extend(b"PK\x01\x02");
        directory.extend([0; 16]);
        directory.extend(length);
        directory.extend(length);
        directory.extend((name.len() as u16).to_le_bytes());
        directory.extend([0; 12]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let at = (bytes.len() as u32).to_le_bytes();
    let length = (directory.len() as u32).to_le_bytes();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0\x02\0\x02\0");
    bytes.extend(length);
    bytes.extend(at);
    bytes.extend([0; 2]);
    bytes
}

/// `{"t": tensor}` of storage 0 (16 bytes), with an offset, shape and strides in pickle's words.
fn tensor(offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut p =
        b"\x80\x02}X\x01\0\0\0tctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n".to_vec();
    p.extend(b"X\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ");
    for part in [offset, shape, strides] {
        p.extend(part);
    }
    p.extend(b"\x89}tRs.");
    around(&p)
}

#[test]
fn tensors_that_their_storage_does_not_hold_are_refused() {
    assert_eq!(parse(&tensor(b"K\0", b"K\x02K\x02\x86", b"K\x02K\x01\x86"), "w").unwrap().0["t"].values, [0.0; 4]);
    let what = |offset: &[u8], shape: &[u8], strides: &[u8]| refused(&tensor(offset, shape, strides));
    assert!(what(b"K\x01", b"K\x04\x85", b"K\x01\x85").contains("leaves its storage"));
    assert!(what(b"J\xff\xff\xff\x7f", b"K\x04\x85", b"K\x01\x85").contains("leaves its storage"));
    assert!(what(b"K\0", b"J\xff\xff\xff\x7f\x85", b"K\x01\x85").contains("larger than the file"));
    let huge = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f".as_slice();
    assert!(what(b"K\0", &[huge, huge, b"\x86"].concat(), &[huge, b"K\x01\x86"].concat()).contains("larger than"));
    assert!(what(huge, b"K\x01\x85", b"K\x01\x85").contains("leaves its storage"));
    assert!(what(b"K\0", b"K\x04\x85", b"K\0\x85").contains("strides"));
    assert!(what(b"K\0", b"J\xff\xff\xff\xff\x85", b"K\x01\x85").contains("cannot be read"));
    assert!(what(b"K\0", b"K\x04\x85", b")").contains("cannot be read"));
}

/// A pickle is a program: nothing of it is run, and none makes memory or the stack grow without bounds.
#[test]
fn programs_are_not_run() {
    assert!(refused(&around(b"\x80\x02cos\nsystem\nX\x02\0\0\0id\x85R.")).contains("no dictionary of tensors"));
    // A tuple in a tuple …, a million deep; a text of 4 GiB; a value that doubles itself.
    let mut deep = b"\x80\x02)".to_vec();
    deep.extend([0x85; 1_000_000]);
    deep.push(b'.');
    refused(&around(&deep));
    refused(&around(b"\x80\x02X\xff\xff\xff\xffa."));
    let mut doubled = b"\x80\x02K\x01q\x00".to_vec();
    (0..100_000).for_each(|_| doubled.extend(b"h\x00h\x00\x86q\x00"));
    doubled.push(b'.');
    refused(&around(&doubled));
    for program in
        [b"".as_slice(), b".", b"u.", b"}s.", b"t.", b"\x87.", b"h\x05.", b"Q.", b"R.", b"(R.", b"q\0.", b"\x80"]
    {
        refused(&around(program));
    }
}
