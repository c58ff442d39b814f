//! What is done to the elements of two tensors, each by itself.

use candle_core::{Result, Tensor};

use crate::providers::local::process::CANDLE;

/// Candle shares the work on so many elements out among threads of its own.
const SHARED_OUT: usize = 64 * 1024;

/// The sum of two tensors of one shape.
pub(super) fn sum(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    by_element(x, y, &|x, y| x + y)
}

/// What `work` makes of two tensors of one shape. Where candle's threads do not work it is given parts that are not shared out.
pub(super) fn by_element(x: &Tensor, y: &Tensor, work: &dyn Fn(&Tensor, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
    if x.elem_count() >= SHARED_OUT {
        CANDLE.begin();
        if !CANDLE.may_be_this() {
            return in_parts(x, y, work);
        }
    }
    work(x, y)
}

fn in_parts(x: &Tensor, y: &Tensor, work: &dyn Fn(&Tensor, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
    if x.elem_count() < SHARED_OUT {
        return work(x, y);
    }
    let longest = x.dims().iter().copied().enumerate().max_by_key(|(_, length)| *length);
    let (dim, length) = longest.unwrap_or((0, 1));
    let most = (SHARED_OUT / (x.elem_count() / length + 1)).max(1);
    let part = |from: usize| {
        let count = most.min(length - from);
        in_parts(&x.narrow(dim, from, count)?, &y.narrow(dim, from, count)?, work)
    };
    let parts = (0..length).step_by(most).map(part).collect::<Result<Vec<_>>>()?;
    Tensor::cat(&parts, dim)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn parts_make_up_the_whole_and_none_is_shared_out() {
        for dims in [vec![9, 64, 500], vec![64, 2_000], vec![3, 70_000], vec![SHARED_OUT]] {
            let count = dims.iter().product::<usize>() as u32;
            let x = Tensor::arange(0, count, &Device::Cpu).unwrap().reshape(dims.as_slice()).unwrap();
            let row = Tensor::arange(0, *dims.last().unwrap() as u32, &Device::Cpu).unwrap();
            let y = row.broadcast_as(x.shape()).unwrap();
            let small = |x: &Tensor, y: &Tensor| {
                assert!(x.elem_count() < SHARED_OUT);
                x + y
            };
            let made = in_parts(&x, &y, &small).unwrap();
            assert_eq!(made.dims(), x.dims());
            let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<u32>().unwrap();
            assert_eq!(values(&made), values(&(x + y).unwrap()));
        }
    }
}
