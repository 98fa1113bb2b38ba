// SPDX-License-Identifier: Apache-2.0

import Signet
import Testing

/// Small files whose tables would need more memory than a machine has.
///
/// Oracle: the code and the words of the error; and that models of real sizes load.
struct ModelFootprintTests {
  /// Layers of 8×8 windows with a padding of 7: 225 borders, each with 15 levels of 8192 × 32 lanes, 7 GB a layer.
  private func paddedLayers(_ count: Int, filters: Int, planes: [Int]) -> ModelMaker {
    var maker = ModelMaker(seed: 1, height: 8, width: 8, channels: 1)
    maker.convolution(filters)
    maker.binarize(planes: planes)
    for _ in 0..<count {
      maker.binaryConvolution(filters, kernel: (8, 8), padding: (7, 7), groups: filters)
      maker.binarize(planes: planes)
    }
    maker.binaryConvolution(filters, groups: filters)
    return maker
  }

  @Test func tablesOfEveryBorderCount() throws {
    let maker = paddedLayers(2, filters: 8192, planes: [8, 4, 2, 1])
    #expect(try maker.builder.encoded().count < 1 << 20)
    let error = #expect(throws: ModelFormatError.self) { try maker.model() }
    #expect(error?.code == .badMetadata)
    #expect(
      error?.message.contains("“5.sign” (binarize) takes the model past 8 GiB; ") == true,
      "\(String(describing: error))")
  }

  /// The same layers, narrow, run: the limit is on their size, not on their kind.
  @Test func narrowLayersOfThatKindRun() throws {
    for planes in [[1], [8, 4, 2, 1]] {
      var maker = paddedLayers(2, filters: 3, planes: planes)
      let model = try maker.model()
      try EngineComparison(model, inputs: maker.images(2), "planes \(planes)").check(batches: [2])
    }
  }

  @Test func thresholdsOfEveryBorderCount() throws {
    var maker = ModelMaker(seed: 2, height: 8, width: 8, channels: 1)
    maker.convolution(8192)
    maker.binarize()
    for _ in 0..<10 {
      maker.binaryConvolution(8192, kernel: (8, 8), padding: (7, 7), groups: 8192)
      maker.threshold()
      maker.maxPool(kernel: (2, 2), stride: (2, 2), codes: true)
    }
    maker.binaryConvolution(8192, groups: 8192)
    let error = #expect(throws: ModelFormatError.self) { try maker.model() }
    #expect(error?.message.contains("past 8 GiB") == true, "\(String(describing: error))")
  }

  /// Each of the groups of a layer has tables of its own, however few weights it has.
  @Test func groupsCount() throws {
    var maker = ModelMaker(seed: 3, height: 1, width: 1, channels: 1)
    maker.convolution(1 << 18)
    maker.binarize()
    for _ in 0..<24 {
      maker.binaryConvolution(1 << 18, groups: 1 << 18)
      maker.threshold()
    }
    maker.binaryConvolution(1)
    let error = #expect(throws: ModelFormatError.self) { try maker.model() }
    #expect(error?.message.contains("past 8 GiB") == true, "\(String(describing: error))")
  }

  /// A padding can make a large image of a small one.
  @Test func paddedImagesOfBytes() throws {
    var maker = ModelMaker(seed: 4, height: 1 << 10, width: 1 << 14, channels: 1, zero: [0])
    maker.pixelConvolution(1, kernel: (1 << 15, 1), padding: (1 << 14, 0))
    let error = #expect(throws: ModelFormatError.self) { try maker.model() }
    #expect(error?.code == .badMetadata)
    #expect(
      error?.message.contains("an image with its padding is") == true, "\(String(describing: error))")
  }

  /// The layers of an AlexNet with four planes, and the widest last layer that they might have.
  @Test func realSizesLoad() throws {
    var maker = ModelMaker(seed: 5, height: 224, width: 224, channels: 3)
    maker.convolution(96, kernel: (11, 11), stride: (4, 4), padding: (2, 2))
    maker.maxPool(kernel: (3, 3), stride: (2, 2), codes: false)
    for (filters, kernel, padding) in [(256, 5, 2), (384, 3, 1), (384, 3, 1), (256, 3, 1)] {
      maker.binarize(planes: [8, 4, 2, 1])
      maker.binaryConvolution(
        filters, kernel: (kernel, kernel), padding: (padding, padding), groups: filters == 256 ? 2 : 1)
    }
    maker.maxPool(kernel: (3, 3), stride: (4, 4), codes: false)
    for filters in [4096, 4096, 21841] {
      maker.binarize(planes: [8, 4, 2, 1])
      maker.binaryConvolution(
        filters, kernel: (maker.shape.height, maker.shape.width))
    }
    #expect(try maker.model().classCount == 21841)
  }
}
