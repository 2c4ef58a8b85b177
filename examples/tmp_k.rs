use earwitness::model::kernels::conv::*;
use std::time::Instant;
fn main() {
    for (h, w, ci, co) in [(160, 64, 1, 16), (160, 64, 16, 16), (80, 32, 32, 32), (40, 16, 64, 64), (20, 8, 128, 128), (10, 4, 256, 256), (10, 2, 256, 512)] {
        let s = ConvShape { height: h, width: w, c_in: ci, c_out: co, kh: 3, kw: 3 };
        let x = vec![0.5f32; h * w * ci]; let g = vec![0.25f32; h * w * co]; let wt = vec![0.1f32; s.n_weights()];
        let mut out = vec![0f32; h * w * co]; let mut gw = vec![0f32; s.n_weights()]; let mut sc = Scratch::default();
        let n = 20;
        let run = |f: &mut dyn FnMut()| { f(); let t = Instant::now(); for _ in 0..n { f() } t.elapsed().as_secs_f64() / n as f64 };
        let mac = (h * w * ci * co * 9) as f64;
        let a = run(&mut || forward(&s, &x, &wt, Epilogue { bias: None, relu: false }, &mut out, &mut sc));
        let b = run(&mut || backward_weights(&s, &x, &g, &mut gw, &mut sc));
        let bs = s.backward(); let mut gx = vec![0f32; h * w * ci];
        let c = run(&mut || forward(&bs, &g, &wt, Epilogue { bias: None, relu: false }, &mut gx, &mut sc));
        let d = run(&mut || { std::hint::black_box(flip_weights(&s, &wt)); });
        println!("{h}x{w} {ci}->{co}: fwd {:.3}ms ({:.0} GF) dW {:.3}ms ({:.0}) dX {:.3}ms ({:.0}) flip {:.3}", a*1e3, 2e-9*mac/a, b*1e3, 2e-9*mac/b, c*1e3, 2e-9*mac/c, d*1e3);
    }
}
