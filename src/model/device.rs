//! Where networks run: the CPU, on our own kernels, or a GPU, on candle's.

use std::fmt;
use std::str::FromStr;

use candle_core::{Device, DeviceLocation, Tensor};
use rayon::prelude::*;

use crate::{Error, Result};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// A GPU where this build and the machine have one, the CPU otherwise.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The NVIDIA GPU of this number, counted from 0.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |n: &str| n.bytes().all(|b| b.is_ascii_digit()).then(|| n.parse().ok()).flatten();
        match text.split_once(':') {
            None if text == "auto" => Some(Self::Auto),
            None if text == "cpu" => Some(Self::Cpu),
            None if text == "cuda" => Some(Self::Cuda(0)),
            Some(("cuda", n)) => number(n).map(Self::Cuda),
            _ => None,
        }
        .ok_or_else(|| Error::usage(format!("the device '{text}' is not known; give auto, cpu, cuda or cuda:NUMBER")))
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

/// A device that is there, and whose operations networks use on it.
#[derive(Debug, Clone)]
pub struct ComputeDevice {
    device: Device,
    own_kernels: bool,
}

impl ComputeDevice {
    /// The CPU, on our own kernels.
    #[must_use]
    pub const fn cpu() -> Self {
        Self { device: Device::Cpu, own_kernels: true }
    }

    /// The CPU on the path of a GPU: candle's operations, whole batches. Slower than [`cpu`](Self::cpu); with it, that path
    /// can be tested and measured on a machine without a GPU.
    #[must_use]
    pub const fn plain_cpu() -> Self {
        Self { device: Device::Cpu, own_kernels: false }
    }

    /// Its name, as in `cpu` or `cuda:0`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.device.location() {
            DeviceLocation::Cpu if self.own_kernels => "cpu".into(),
            DeviceLocation::Cpu => "cpu, plain candle".into(),
            DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
            other => format!("{other:?}"),
        }
    }

    /// Whether networks run on our own kernels: on the CPU, which cannot be lost. Other devices run candle's operations
    /// on whole batches, and may fail.
    #[must_use]
    pub const fn has_own_kernels(&self) -> bool {
        self.own_kernels
    }

    /// candle's name for it.
    #[must_use]
    pub const fn candle(&self) -> &Device {
        &self.device
    }

    /// Whether a tensor lies here.
    #[must_use]
    pub fn holds(&self, tensor: &Tensor) -> bool {
        self.device.location() == tensor.device().location()
    }

    /// Does `work` on all items, in order, in the pieces that suit the device: one by one on the CPU, in parallel, since
    /// a network's layers then stay in a core's cache; up to `largest` at once elsewhere.
    ///
    /// # Errors
    /// The first that `work` gives; also where it gives another number of results than it got items.
    pub fn in_pieces<T: Sync, R: Send>(
        &self,
        items: &[T],
        largest: usize,
        work: impl Fn(&[T]) -> Result<Vec<R>> + Sync,
    ) -> Result<Vec<R>> {
        let piece = |piece: &[T]| {
            let results = work(piece)?;
            if results.len() == piece.len() {
                Ok(results)
            } else {
                Err(Error::bug(format!("{} results came back for a batch of {}", results.len(), piece.len())))
            }
        };
        let pieces: Vec<Vec<R>> = match items {
            [] => return Ok(Vec::new()),
            // On the calling thread: a live input alone needs no other.
            [_] => return piece(items),
            _ if self.own_kernels => items.par_chunks(1).map(piece).collect::<Result<_>>()?,
            _ => items.chunks(largest.max(1)).map(piece).collect::<Result<_>>()?,
        };
        Ok(pieces.into_iter().flatten().collect())
    }

    /// Rows of equal length as one tensor `[rows.len(), shape…]`: one upload.
    ///
    /// # Errors
    /// If a row does not have the shape, or the device fails.
    pub fn upload(&self, rows: &[&[f32]], shape: [usize; 2]) -> Result<Tensor> {
        let values = match rows {
            [row] => row.to_vec(),
            _ => rows.concat(),
        };
        Ok(Tensor::from_vec(values, (rows.len(), shape[0], shape[1]), &self.device)?)
    }

    /// The values of several tensors, row-major: one download.
    ///
    /// # Errors
    /// If they are not f32, or the device fails.
    pub fn download(&self, tensors: &[&Tensor]) -> Result<Vec<Vec<f32>>> {
        let flat = tensors.iter().map(|t| t.flatten_all()).collect::<candle_core::Result<Vec<_>>>()?;
        if self.own_kernels || flat.len() < 2 {
            return flat.iter().map(|t| Ok(t.to_vec1()?)).collect();
        }
        let all = Tensor::cat(&flat, 0)?.to_vec1::<f32>()?;
        let mut rest = all.as_slice();
        let take = |t: &Tensor| {
            let (values, behind) = rest.split_at(t.elem_count());
            rest = behind;
            values.to_vec()
        };
        Ok(flat.iter().map(take).collect())
    }
}

/// Opens a device. Where a GPU was asked for that is not there or does not compute, this is the CPU and a sentence that
/// says so, to be said loudly; `auto` on a build without GPU support says nothing.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] where a GPU was named and this build cannot use one.
pub fn open(choice: DeviceChoice) -> Result<(ComputeDevice, Option<String>)> {
    let n = match choice {
        DeviceChoice::Cpu => return Ok((ComputeDevice::cpu(), None)),
        DeviceChoice::Auto if !cfg!(feature = "cuda") => return Ok((ComputeDevice::cpu(), None)),
        DeviceChoice::Cuda(n) if !cfg!(feature = "cuda") => {
            return Err(Error::usage(format!(
                "this program was built without GPU support and cannot use cuda:{n}; build it with 'cargo build --release --features cuda', or give cpu as the device"
            )));
        }
        DeviceChoice::Auto => 0,
        DeviceChoice::Cuda(n) => n,
    };
    // A stream of its own: candle's other constructor binds work to the thread it happens on, and networks are loaded on
    // one thread and run on another.
    let opened = Device::new_cuda_with_stream(n).and_then(|device| {
        // Its handles live as long as the program: cudarc panics where a device that was lost cannot take them back.
        let _ = Box::leak(Box::new(device.clone()));
        check(&device).map(|()| device)
    });
    Ok(match opened {
        Ok(device) => (ComputeDevice { device, own_kernels: false }, None),
        Err(e) => {
            let sentence = format!(
                "the GPU cuda:{n} cannot be used ({e}), so the CPU does its work; check it with nvidia-smi, or give cpu as the device"
            );
            (ComputeDevice::cpu(), Some(sentence))
        }
    })
}

/// Whether the kernels that networks need run there and give the CPU's numbers: a build for another generation of GPU,
/// say, opens a device and then has nothing to run on it.
fn check(device: &Device) -> candle_core::Result<()> {
    let on = |device: &Device| -> candle_core::Result<Vec<f32>> {
        let values = |n: usize| (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect::<Vec<f32>>();
        let x = Tensor::from_vec(values(2 * 3 * 6 * 4), (2, 3, 6, 4), device)?;
        let w = Tensor::from_vec(values(5 * 3 * 3 * 3), (5, 3, 3, 3), device)?;
        let maps = x.conv2d(&w, 1, 1, 1, 1)?.relu()?.max_pool2d((1, 2))?.permute((0, 2, 3, 1))?.contiguous()?;
        let pooled = (maps.mean(2)?.mean(1)? + maps.mean(2)?.max(1)?)?;
        let square = Tensor::from_vec(values(25), (5, 5), device)?;
        pooled.matmul(&square)?.tanh()?.exp()?.flatten_all()?.to_vec1()
    };
    let (got, want) = (on(device)?, on(&Device::Cpu)?);
    let off = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
    if got.len() == want.len() && got.iter().all(|g| g.is_finite()) && off < 1e-3 {
        Ok(())
    } else {
        Err(candle_core::Error::Msg(format!("its results are off by {off}")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_as_they_are_written() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("cuda:0", DeviceChoice::Cuda(0)),
            ("cuda:12", DeviceChoice::Cuda(12)),
        ] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap(), choice);
            assert_eq!(choice.to_string(), text);
        }
        assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
        for wrong in [
            "",
            "gpu",
            "cuda:",
            "cuda:x",
            "cuda:-1",
            "cuda:+1",
            "cuda:1:2",
            "CPU",
            "cpu:0",
            "cuda:99999999999999999999",
        ] {
            let error = wrong.parse::<DeviceChoice>().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Usage, "{wrong}");
            assert!(error.to_string().contains("auto, cpu, cuda"), "{error}");
        }
    }

    #[test]
    fn the_cpu_opens_without_a_word() {
        let (device, why) = open(DeviceChoice::Cpu).unwrap();
        assert!(device.has_own_kernels() && why.is_none());
        assert_eq!(device.name(), "cpu");
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_build_without_gpus_says_what_to_do() {
        let (device, why) = open(DeviceChoice::Auto).unwrap();
        assert!(device.has_own_kernels() && why.is_none());
        let error = open(DeviceChoice::Cuda(1)).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
        assert!(error.to_string().contains("cuda:1") && error.to_string().contains("--features cuda"), "{error}");
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn a_gpu_that_is_not_there_gives_the_cpu_and_says_so() {
        let (device, why) = open(DeviceChoice::Cuda(99)).unwrap();
        assert!(device.has_own_kernels());
        assert!(why.unwrap().contains("cuda:99"));
    }

    #[test]
    fn pieces_cover_everything_in_order() {
        let items: Vec<usize> = (0..257).collect();
        for device in [ComputeDevice::cpu(), ComputeDevice::plain_cpu()] {
            for (n, largest) in [(0, 4), (1, 4), (2, 1), (7, 3), (256, 64), (257, 64), (257, 0)] {
                let got = device.in_pieces(&items[..n], largest, |piece| {
                    assert!(piece.len() <= largest.max(1));
                    Ok(piece.iter().map(|i| 3 * i).collect())
                });
                assert_eq!(got.unwrap(), items[..n].iter().map(|i| 3 * i).collect::<Vec<_>>());
            }
            let lost = device.in_pieces(&items, 8, |piece| Ok(vec![0; piece.len() - 1]));
            assert!(lost.unwrap_err().to_string().contains("results"));
            let failed =
                device.in_pieces(&items, 8, |p| if p[0] == 8 { Err(Error::bug("broken")) } else { Ok(p.to_vec()) });
            assert_eq!(failed.unwrap_err().to_string(), "broken");
        }
    }

    #[test]
    fn what_goes_up_comes_down() {
        let rows: Vec<Vec<f32>> = (0..3).map(|r| (0..6).map(|i| (r * 6 + i) as f32).collect()).collect();
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        for device in [ComputeDevice::cpu(), ComputeDevice::plain_cpu()] {
            let all = device.upload(&rows, [2, 3]).unwrap();
            assert_eq!(all.dims(), [3, 2, 3]);
            // A view and a transposed one, of different sizes.
            let (first, turned) = (all.narrow(0, 0, 1).unwrap(), all.transpose(1, 2).unwrap());
            let down = device.download(&[&turned, &first]).unwrap();
            assert_eq!(down[1], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
            assert_eq!(down[0][..6], [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
            assert_eq!(down[0].len(), 18);
            assert!(device.upload(&rows, [2, 4]).is_err());
        }
    }

    #[test]
    fn the_check_passes_where_the_numbers_are_right() {
        check(&Device::Cpu).unwrap();
    }
}
