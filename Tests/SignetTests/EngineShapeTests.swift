// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// The engine over whole ranges of sizes.
///
/// Oracle: the interpreter, bit for bit.
struct EngineShapeTests {
  private static let crews = EngineComparison.crews.filter { $0.pool.threads == 2 }

  /// Pointwise layers of 1…257 channels, read and written, with M = 1 and 2.
  @Test(arguments: [[1], [2, 1]])
  func everyChannelCount(planes: [Int]) throws {
    for channels in 1...257 {
      var maker = ModelMaker(seed: UInt64(channels), height: 2, width: 3, channels: 3)
      maker.convolution(channels)
      maker.affine()
      maker.binarize(planes: planes)
      maker.binaryConvolution(258 - channels)
      maker.prelu()
      maker.affine()
      maker.binarize(planes: planes)
      maker.binaryConvolution(channels)
      let model = try maker.model()
      try EngineComparison(model, inputs: maker.images(5), "\(channels) channels")
        .check(crews: Self.crews, batches: [4])
    }
  }

  /// Kernels, strides, paddings and groups in all combinations that fit an image of 7×6.
  @Test(arguments: [[1], [2, 1], [4, 2, 1], [9, 4, 2, 1]])
  func everyWindow(planes: [Int]) throws {
    var count = 0
    for kernel in [(1, 1), (3, 3), (5, 5), (2, 3), (7, 6)] {
      for strides in [(1, 1), (2, 2), (1, 2), (3, 3)] {
        for padding in [(0, 0), (1, 1), (2, 2), (1, 0)]
        where padding.0 < kernel.0 && padding.1 < kernel.1 {
          for groups in [1, 2, 3] {
            count += 1
            var maker = ModelMaker(seed: UInt64(count), height: 7, width: 6, channels: 1)
            maker.convolution(36)
            maker.binarize(planes: planes)
            maker.binaryConvolution(
              30, kernel: kernel, stride: strides, padding: padding, groups: groups)
            maker.prelu()
            maker.affine()
            maker.binarize(planes: planes)
            maker.binaryConvolution(9, groups: groups % 3 + 1 == 2 ? 1 : groups % 3 + 1)
            let model = try maker.model()
            try EngineComparison(
              model, inputs: maker.images(3),
              "kernel \(kernel), stride \(strides), padding \(padding), \(groups) groups, planes \(planes)"
            ).check(crews: Self.crews, batches: [2])
          }
        }
      }
    }
    #expect(count == 5 * 4 * 3 * 4 - 4 * 3 * (3 + 1))
  }

  /// One convolution's bits read by another with other groups, where no 16 bits belong together.
  @Test(arguments: [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2), (6, 2), (2, 6)], [[1], [3, 2, 1]])
  func everyChangeOfGroups(groups: (Int, Int), planes: [Int]) throws {
    for channels in [6, 12, 24, 48, 54, 66, 96, 102, 192] {
      for pooled in [false, true] {
        var maker = ModelMaker(seed: UInt64(channels), height: 5, width: 4, channels: 2)
        maker.convolution(12)
        maker.binarize(planes: planes)
        maker.binaryConvolution(channels, kernel: (2, 2), padding: (1, 1), groups: groups.0)
        maker.prelu()
        if pooled { maker.maxPool(kernel: (3, 3), stride: (2, 2), codes: false) }
        maker.affine()
        maker.binarize(planes: planes)
        maker.binaryConvolution(12, kernel: (2, 2), groups: groups.1)
        let model = try maker.model()
        try EngineComparison(
          model, inputs: maker.images(3), "\(channels) channels, groups \(groups), pooled \(pooled)"
        ).check(crews: Self.crews, batches: [3])
      }
    }
  }

  /// A window that is the whole input, as in the dense layers of an AlexNet.
  @Test(arguments: [1, 2, 3, 7], [[1], [2, 1]])
  func denseLayers(side: Int, planes: [Int]) throws {
    for channels in [1, 20, 32, 65] {
      var maker = ModelMaker(seed: UInt64(channels), height: side, width: side, channels: 1)
      maker.convolution(channels)
      maker.affine()
      maker.binarize(planes: planes)
      maker.binaryConvolution(77, kernel: (side, side))
      maker.prelu()
      maker.affine()
      maker.binarize(planes: planes)
      maker.binaryConvolution(10)
      maker.scale(0.01)
      let model = try maker.model()
      try EngineComparison(model, inputs: maker.images(5), "side \(side), \(channels) channels").check()
    }
  }

  /// Chains without any bits.
  @Test func fullPrecisionChains() throws {
    for seed in UInt64(0)..<40 {
      var maker = ModelMaker(
        seed: seed, height: 6 + Int(seed % 3), width: 7, channels: 1 + Int(seed % 4))
      maker.convolution(18, kernel: (3, 3), padding: (1, 1), groups: 1)
      if seed % 2 == 0 { maker.relu() } else { maker.prelu() }
      maker.maxPool(kernel: (3, 3), stride: (2, 2), codes: false)
      maker.convolution(33, kernel: (2, 3), stride: (1, 2), padding: (0, 1), groups: 3)
      maker.prelu()
      maker.affine()
      if seed % 3 == 0 { maker.averagePool() }
      maker.convolution(10)
      maker.scale(-1.5)
      let model = try maker.model()
      try EngineComparison(model, inputs: maker.images(5), "seed \(seed)").check()
    }
  }
}
