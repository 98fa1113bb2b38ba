// SPDX-License-Identifier: Apache-2.0

import CBLAS
import CSignetKernels
import Signet

/// The two products of a convolution's backward pass, as patch matrices times BLAS: where ``RealProducts`` has none, as for
/// windows with strides.
///
/// With patches `P [rows, taps·C]` of the input and `dY [rows, filters]`: `dW = dYᵀ P` and `dP = dY W`; `dX` gathers `dP`.
/// Every sum has a fixed shape (chunks of whole images in fixed lanes, or fixed slices of filters), whatever the threads.
struct ConvolutionGradient {
  let window: Window
  let filters: Int
  let groups: Int
  let inputChannels: Int
  /// The input that patches are of, `[N, H, W, C]`.
  var source: UnsafePointer<Float>
  /// Weights `[filters, taps, C/groups]` that the input's gradient goes through.
  var weights: UnsafePointer<Float>
  /// Receives `dW`, overwritten.
  var weightGradient: UnsafeMutablePointer<Float>
  /// Receives the input's gradient.
  var inputGradient: UnsafeMutablePointer<Float>

  private var channels: Int { inputChannels / groups }
  private var depth: Int { window.taps * channels }
  private var groupFilters: Int { filters / groups }

  /// Rows of patches that one task multiplies at a time.
  private static let targetRows = 768
  /// Partial sums of `dW`: as many tasks can run side by side.
  private static let lanes = 8

  func run(_ dy: Tensor, on context: ComputeContext) {
    let images = max(1, min(dy.images, Self.targetRows / window.outPixels))
    let chunks = (dy.images + images - 1) / images
    for group in 0..<groups {
      if chunks == 1 {
        runSliced(dy, group: group, on: context)
      } else {
        runLanes(dy, group: group, imagesInChunk: images, chunks: chunks, on: context)
      }
    }
  }

  private func patches(of group: Int) -> sk_patches {
    sk_patches(
      window: window.cValue, reals: source + group * channels, bits: nil, pixel_stride: UInt32(inputChannels),
      plane_words: 0, planes: 0, channels: UInt32(channels), betas: nil)
  }

  private func unpatch(of group: Int, from patches: UnsafePointer<Float>) -> sk_unpatch {
    sk_unpatch(
      window: window.cValue, patches: patches, channels: UInt32(channels),
      output: inputGradient + group * channels, pixel_stride: UInt32(inputChannels))
  }

  /// Many rows: each lane takes every n-th chunk of images and sums its own `dW`.
  private func runLanes(_ dy: Tensor, group: Int, imagesInChunk: Int, chunks: Int, on context: ComputeContext)
  {
    let kernels = context.crew.kernels
    let lanes = min(Self.lanes, chunks)
    let size = groupFilters * depth
    let partial = context.memory.take(bytes: lanes * size * 4)
    defer { partial.keep() }
    let chunkRows = imagesInChunk * window.outPixels
    let own = ComputeContext.wholePages(chunkRows * depth * 4)
    let workspaces = context.memory.take(bytes: own * context.crew.pool.threads)
    defer { workspaces.keep() }
    var source = patches(of: group)
    let groupWeights = weights + group * size
    withUnsafePointer(to: &source) { source in
      context.crew.pool.run(lanes) { lane, worker in
        let workspace = workspaces.floats + worker * own / 4
        let sum = partial.floats + lane * size
        for chunk in stride(from: lane, to: chunks, by: lanes) {
          let first = chunk * imagesInChunk
          let last = min(dy.images, first + imagesInChunk)
          let rows = (last - first) * window.outPixels
          let gradient = dy.pointer + first * window.outPixels * filters + group * groupFilters
          kernels.patches(source, first * window.outPixels, last * window.outPixels, workspace)
          cblas_sgemm(
            CblasRowMajor, CblasTrans, CblasNoTrans, blasint(groupFilters), blasint(depth), blasint(rows), 1,
            gradient,
            blasint(filters), workspace, blasint(depth), chunk == lane ? 0 : 1, sum, blasint(depth))
          var target = unpatch(of: group, from: workspace)
          cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(depth), blasint(groupFilters),
            1, gradient,
            blasint(filters), groupWeights, blasint(depth), 0, workspace, blasint(depth))
          kernels.unpatch(&target, first, last)
        }
      }
    }
    let total = weightGradient + group * size
    context.crew.pool.runRanges(size, grain: 4096) { range, _ in
      for index in range {
        var sum = partial.floats[index]
        for lane in 1..<max(lanes, 2) where lane < lanes { sum += partial.floats[lane * size + index] }
        total[index] = sum
      }
    }
  }

  /// Few rows: one patch matrix, the products in fixed slices of filters and of depth.
  private func runSliced(_ dy: Tensor, group: Int, on context: ComputeContext) {
    let kernels = context.crew.kernels
    let rows = dy.rows
    let workspace = context.memory.take(bytes: rows * depth * 4)
    defer { workspace.keep() }
    let gradient = dy.pointer + group * groupFilters
    var source = patches(of: group)
    withUnsafePointer(to: &source) { source in
      context.crew.pool.runRanges(rows, grain: 8) { range, _ in
        kernels.patches(
          source, range.lowerBound, range.upperBound, workspace.floats + range.lowerBound * depth)
      }
    }
    let filterSlice = max(16, (groupFilters + 7) / 8)
    context.crew.pool.run((groupFilters + filterSlice - 1) / filterSlice) { slice, _ in
      let first = slice * filterSlice
      let count = min(filterSlice, groupFilters - first)
      cblas_sgemm(
        CblasRowMajor, CblasTrans, CblasNoTrans, blasint(count), blasint(depth), blasint(rows), 1,
        gradient + first,
        blasint(filters), workspace.floats, blasint(depth), 0,
        weightGradient + (group * groupFilters + first) * depth, blasint(depth))
    }
    let groupWeights = weights + group * groupFilters * depth
    let depthSlice = max(64, (depth + 7) / 8)
    context.crew.pool.run((depth + depthSlice - 1) / depthSlice) { slice, _ in
      let first = slice * depthSlice
      let count = min(depthSlice, depth - first)
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(count), blasint(groupFilters), 1,
        gradient,
        blasint(filters), groupWeights + first, blasint(depth), 0, workspace.floats + first, blasint(depth))
    }
    var target = unpatch(of: group, from: workspace.floats)
    withUnsafePointer(to: &target) { target in
      context.crew.pool.runRanges(dy.images, grain: 1) { range, _ in
        var own = target.pointee
        own.patches = target.pointee.patches + range.lowerBound * window.outPixels * depth
        kernels.unpatch(&own, range.lowerBound, range.upperBound)
      }
    }
  }
}
