// SPDX-License-Identifier: Apache-2.0

import Foundation
import Signet
import Testing

/// From images to labels, as users of the library call it.
struct PredictionTests {
  private static func engine(_ batch: Int = 3, classNames: [String] = []) throws -> (Engine, ModelMaker) {
    var maker = ModelMaker(seed: 11, height: 5, width: 4, channels: 2)
    maker.convolution(16, kernel: (3, 3), padding: (1, 1))
    maker.affine()
    maker.binarize()
    maker.binaryConvolution(6, kernel: (5, 4))
    return (try Engine(maker.model(), batch: batch), maker)
  }

  private static func pixels(_ images: Int) -> [UInt8] {
    var random = SplitMix64(seed: 3)
    return (0..<images * 40).map { _ in UInt8(random.index(below: 256)) }
  }

  /// Oracle: the C library's exponential function, and a sum of one.
  @Test func softmaxIsTheQuotientOfPowers() {
    let cases: [[Float]] = [
      [0], [1, 1, 1, 1], [3, -2, 0.5, 7.25, -30], [-1e30, 0, 1e30], (0..<1000).map { Float($0 % 37) / 3 },
    ]
    for logits in cases {
      let found = Softmax.probabilities(of: logits)
      let largest = logits.max() ?? 0
      let powers = logits.map { exp(Double($0) - Double(largest)) }
      let sum = powers.reduce(0, +)
      for (found, power) in zip(found, powers) { #expect(abs(found - power / sum) <= 1e-14 * power / sum) }
      #expect(abs(found.reduce(0, +) - 1) < 1e-12)
    }
    #expect(Softmax.probabilities(of: []).isEmpty)
  }

  /// Oracle: the C library's, which is right to within one unit of the last place.
  @Test func exponentialIsWithinTwoUnits() {
    var random = SplitMix64(seed: 8)
    for _ in 0..<20_000 {
      let x = -Double(random.uniform(0, 1)) * 708
      let expected = exp(x)
      #expect(abs(Softmax.exponential(x) - expected) <= 3 * expected.ulp, "exp(\(x))")
    }
    #expect(Softmax.exponential(0) == 1)
    #expect(Softmax.exponential(-745.1) == .leastNonzeroMagnitude)
    #expect(Softmax.exponential(-746) == 0)
    #expect(Softmax.exponential(-.infinity) == 0)
  }

  /// Oracle: the order by hand.
  @Test func equalLogitsAreInTheOrderOfTheirClasses() {
    let names = ["a", "b", "c", "d", "e"]
    let ranked = Prediction.ranked(logits: [1, 3, -1, 3, 1], names: names, top: 4)
    #expect(ranked.map(\.classIndex) == [1, 3, 0, 4])
    #expect(ranked.map(\.label) == ["b", "d", "a", "e"])
    #expect(ranked.map(\.logit) == [3, 3, 1, 1])
    #expect(ranked[0].probability == ranked[1].probability)
    // Also where the probabilities of different logits are both 0, and of both zeros.
    #expect(Prediction.ranked(logits: [-9000, -8000, 0], names: [], top: 9).map(\.classIndex) == [2, 1, 0])
    #expect(Prediction.ranked(logits: [-0.0, 0], names: [], top: 2).map(\.label) == ["class 0", "class 1"])
  }

  /// All ways to give the same images, in batches that do and do not fit.
  ///
  /// Oracle: the logits of one image at a time, and the formula that ``Preprocessing`` documents.
  @Test(arguments: [1, 2, 3, 7, 64]) func waysOfGivingImagesAgree(batch: Int) throws {
    let (engine, _) = try Self.engine(batch)
    let pixels = Self.pixels(7)
    let p = engine.model.preprocessing
    let reals = pixels.enumerated().map { (Float($1) / 255 - p.mean[$0 % 2]) / p.deviation[$0 % 2] }
    let single = try Engine(engine.model, isa: .scalar)
    let logits = try (0..<7).flatMap { try single.logits(Array(reals[$0 * 40..<($0 + 1) * 40])) }
    #expect(try engine.logits(pixels: pixels) == logits)
    #expect(try pixels.withUnsafeBytes { try engine.logits(pixels: $0) } == logits)
    #expect(try engine.logits(reals) == logits)
    #expect(try reals.withUnsafeBufferPointer { try engine.logits($0) } == logits)

    let expected = (0..<7).map {
      Prediction.ranked(logits: logits[$0 * 6..<($0 + 1) * 6], names: [], top: 4)
    }
    let shape = FeatureShape(height: 5, width: 4, channels: 2)
    #expect(try engine.predict(pixels: pixels, shape: shape, top: 4) == expected)
    #expect(try pixels.withUnsafeBytes { try engine.predict(pixels: $0, top: 4) } == expected)
    #expect(try engine.predict(reals, top: 4) == expected)
    #expect(try reals.withUnsafeBufferPointer { try engine.predict($0, top: 4) } == expected)
    // Memory that does not start at a multiple of anything.
    let last = try pixels[(6 * 40)...].withUnsafeBytes { try engine.predict(pixels: $0, top: 4) }
    #expect(last == [expected[6]])
    #expect(try engine.predict(pixels: pixels, top: 100).allSatisfy { $0.count == 6 })
    #expect(try engine.predict(pixels: pixels).allSatisfy { $0.count == 5 })
  }

  /// Oracle: the documented codes, and both sizes in the text.
  @Test func whatIsNoImageIsRefused() throws {
    let (engine, _) = try Self.engine()
    func error(_ body: () throws(EngineError) -> Void) -> EngineError? {
      do throws(EngineError) {
        try body()
        return nil
      } catch {
        return error
      }
    }
    for count in [1, 39, 41, 79] {
      let short = [UInt8](repeating: 0, count: count)
      let found = error { () throws(EngineError) in _ = try engine.predict(pixels: short) }
      #expect(found?.code == .badInput)
      #expect(found?.description.contains("\(count) values") == true)
      #expect(found?.description.contains("5×4×2 has 40") == true)
      let reals = [Float](repeating: 0, count: count)
      #expect(error { () throws(EngineError) in _ = try engine.predict(reals) }?.code == .badInput)
    }
    // As many values, in another shape.
    for shape in [(4, 5, 2), (5, 8, 1), (2, 4, 5), (0, 0, 0), (.max, .max, .max)] {
      let shape = FeatureShape(height: shape.0, width: shape.1, channels: shape.2)
      let found = error { () throws(EngineError) in
        _ = try engine.predict(pixels: Self.pixels(1), shape: shape)
      }
      #expect(found?.code == .badInput)
      #expect(found?.description.contains("\(shape)") == true && found?.description.contains("5×4×2") == true)
    }
    for top in [0, -1, .min] {
      #expect(
        error { () throws(EngineError) in _ = try engine.predict(pixels: Self.pixels(1), top: top) }?.code
          == .badInput)
    }
    #expect(try engine.predict(pixels: []).isEmpty)
    #expect(try engine.predict([Float]()).isEmpty)
    #expect(try engine.logits(UnsafeBufferPointer(start: nil, count: 0)).isEmpty)
  }

  /// Every place of an image, and every kind of number that is none.
  ///
  /// Oracle: `isFinite`, and the place that was spoilt.
  @Test func infinitiesAndNaNsAreNamed() throws {
    let (engine, maker) = try Self.engine()
    var source = maker
    let images = source.images(3)
    for (index, value) in zip(
      0..<120, [Float.nan, .infinity, -.infinity, -.nan, .signalingNaN].repeated(24))
    {
      var spoilt = images
      spoilt[index] = value
      let error = #expect(throws: EngineError.self) { try engine.logits(spoilt) }
      #expect(error?.code == .notFinite)
      #expect(error?.image == index / 40)
      let inside = index % 40
      let place = "value \(inside) (row \(inside / 8), column \(inside / 2 % 4), channel \(inside % 2))"
      #expect(error?.description.contains("image \(index / 40): \(place)") == true)
    }
    // The largest and the smallest numbers are numbers; what comes of them is told by `predict`, not a trap.
    for value in [Float.greatestFiniteMagnitude, -.greatestFiniteMagnitude, .leastNonzeroMagnitude, -0.0] {
      var extreme = images
      extreme[7] = value
      #expect(try engine.logits(extreme).count == 18)
    }
  }

  /// Logits that overflow name their image.
  ///
  /// Oracle: a network of one multiplication, 10³⁸ · 4, is past the largest float.
  @Test func logitsThatOverflowAreTold() throws {
    var maker = ModelMaker(seed: 4, height: 1, width: 1, channels: 1)
    maker.scale(1e38)
    let engine = try Engine(maker.model())
    let error = #expect(throws: EngineError.self) { try engine.predict([1, 4, 1]) }
    #expect(error?.code == .notFinite && error?.image == 1)
    #expect(try engine.predict([1, 2]).map { $0[0].probability } == [1, 1])
  }

  /// Oracle: the bytes that the file was written with.
  @Test func modelsAreLoadedFromMemory() throws {
    let (_, maker) = try Self.engine()
    let bytes = try maker.builder.encoded()
    let model = try CompactModel(bytes: bytes)
    #expect(model.fileBytes == bytes.count)
    #expect(model.inputShape == FeatureShape(height: 5, width: 4, channels: 2))
    #expect(model.classCount == 6)
    let error = #expect(throws: ModelFormatError.self) { try CompactModel(bytes: Array(bytes.dropLast())) }
    #expect(error?.path == "<memory>")
  }

  /// Oracle: one caller alone.
  @Test func tasksShareAnEngine() async throws {
    let (engine, _) = try Self.engine()
    let pixels = Self.pixels(8)
    let expected = try engine.predict(pixels: pixels)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for task in 0..<16 {
        group.addTask {
          let image = Array(pixels[task % 8 * 40..<(task % 8 + 1) * 40])
          return try (0..<30).allSatisfy { _ in try engine.predict(pixels: image) == [expected[task % 8]] }
        }
      }
      for try await isEqual in group { #expect(isEqual) }
    }
  }
}

extension [Float] {
  fileprivate func repeated(_ times: Int) -> [Float] { (0..<times).flatMap { _ in self } }
}
