// SPDX-License-Identifier: Apache-2.0

import CSignetKernels
package import Signet

/// Times whole training steps on random images, and the parts of each layer.
///
/// All times are of one image, in milliseconds: those of a batch, divided by its images.
package struct TrainingBenchmark {
  package struct Row: Sendable {
    package let layer: String
    /// Medians of the steps in which parts were timed.
    package var forward: Double?
    /// The convolution alone, with the arrangement of its weights.
    package var product: Double?
    package var backward: Double?
    package var weightGradient: Double?
    package var inputGradient: Double?
    /// Both gradients where they are made together: of real layers with strides.
    package var bothGradients: Double?
    /// Multiply-adds of one product in one image; nil for layers that have none.
    package var multiplyAdds: Int?
    /// Those of a binary layer's `dX` that are computed: taps that lead outside the image are left out.
    package var insideMultiplyAdds: Int?
    /// Input values that an output sums (K).
    package var depth: Int?
    /// Those of the forward convolution: of bits, as many for each plane; else as `multiplyAdds`.
    package var forwardMultiplyAdds: Int?
    /// Multiply-adds a second that the precision of its gradients' products reaches on registers, with all threads.
    package var peak = 0.0
    /// The same of floats: ``bothGradients``.
    package var floatPeak = 0.0
    /// The same of what its forward convolution is computed with: bits, bfloat16 or floats.
    package var forwardPeak = 0.0
  }

  /// Whole steps, in which nothing else was timed.
  package let whole: Timings
  package let rows: [Row]
  package let optimizer: Double
  /// Multiply-adds a second that the precision's products reach on registers.
  package let peak: (oneThread: Double, allThreads: Double)
  /// The same of bits: what binary layers' forward pass is compared with.
  package let binaryPeak: (oneThread: Double, allThreads: Double)
  package let warmUpSteps: Int
  /// Whether sums of the precision's gradients are looked up, which can take less time than multiplying.
  package let looksUpSums: Bool
  /// What the backward pass's products are made with, as ``ComputeContext/gradientKernels``.
  package let gradientKernels: String

  /// Runs steps until the effort is enough; every second one with its parts timed.
  package init(_ configuration: RunConfiguration, crew: Crew, effort: BenchmarkEffort) throws {
    let precision = configuration.precision ?? .float32
    let (context, stopwatch) = (try ComputeContext(crew: crew, precision: precision), Stopwatch())
    let timed = try ComputeContext(crew: crew, precision: precision, stopwatch: stopwatch, sharing: context)
    var trainer = try Trainer(configuration, stepsPerEpoch: 1)
    let batch = RandomBatch(configuration)
    let clock = ContinuousClock()
    // Real operands are never in 8 bits.
    let precisions = precision == .int8 ? [precision, .bfloat16] : [precision]
    gradientKernels = context.gradientKernels
    looksUpSums =
      context.gradients.pointee.product(precision).input_panel != nil && !context.gradients.pointee.has_tiles
    let products = precisions.map { context.gradients.pointee.product($0).peak }
    let kernels =
      products.map { kernel in { kernel($0) } }
      + [MultiplyAdd.binary.peak(crew.kernels), MultiplyAdd.float.peak(crew.kernels)]
    var peaks = kernels.map { MachinePeaks.rates(of: $0, on: crew) }
    func step(on context: ComputeContext) throws -> Double {
      let start = clock.now
      _ = try trainer.train(batch.training, on: context)
      return start.duration(to: clock.now).milliseconds
    }
    var (warmUpTime, warmUpSteps) = (0.0, 0)
    // The second step is the first one whose memory is all there.
    while warmUpSteps < 2 || !effort.isWarm(milliseconds: warmUpTime, runs: warmUpSteps) {
      warmUpTime += try step(on: context)
      warmUpSteps += 1
    }
    let images = Double(configuration.batchSize)
    var (totals, total) = ([Double](), 0.0)
    while !effort.isEnough(milliseconds: total, runs: totals.count) {
      let time = try step(on: context)
      totals.append(time / images)
      total += time
      _ = try step(on: timed)
    }
    // Once more behind what is compared with it: clocks and neighbours change.
    for (index, kernel) in kernels.enumerated() {
      peaks[index] = MachinePeaks.better(peaks[index], MachinePeaks.rates(of: kernel, on: crew))
    }
    // Of bits, floats, and the precision that real layers' operands are rounded to.
    let (bits, floats, rounded) = (
      peaks[peaks.count - 2], peaks[peaks.count - 1], peaks[precisions.count - 1]
    )
    let areRounded = RealProducts.areRounded(on: context)
    let spans = stopwatch.take()
    func median(_ layer: String, _ part: Stopwatch.Part) -> Double? {
      spans[.init(layer: layer, part: part)].map { $0.median / images }
    }
    rows = trainer.network.layers.map { layer in
      var row = Row(layer: layer.name)
      row.forward = median(layer.name, .forward)
      row.product = median(layer.name, .product)
      row.backward = median(layer.name, .backward)
      row.weightGradient = median(layer.name, .weightGradient)
      row.inputGradient = median(layer.name, .inputGradient)
      row.bothGradients = median(layer.name, .bothGradients)
      (row.multiplyAdds, row.depth) = Self.work(of: layer)
      row.insideMultiplyAdds = (layer as? BinaryConvolution).map {
        $0.window.insideTaps * $0.output.channels * $0.input.channels / $0.groups
      }
      row.peak = (layer is BinaryConvolution ? peaks[0] : rounded).allThreads
      row.floatPeak = floats.allThreads
      row.forwardMultiplyAdds = row.multiplyAdds
      switch layer {
      case let layer as BinaryConvolution:
        row.forwardMultiplyAdds = row.multiplyAdds.map { $0 * layer.binarizer.planes }
        row.forwardPeak = bits.allThreads
      // Grey levels are summed in floats, whose integers are exact.
      case is QuantizedConvolution: row.forwardPeak = floats.allThreads
      default: row.forwardPeak = (areRounded ? rounded : floats).allThreads
      }
      return row
    }
    whole = Timings(totals)
    optimizer = median("adam", .optimizer) ?? 0
    (peak, binaryPeak) = (peaks[0], bits)
    self.warmUpSteps = warmUpSteps
  }

  private static func work(of layer: any Layer) -> (multiplyAdds: Int?, depth: Int?) {
    func work(_ window: Window, _ input: FeatureShape, _ groups: Int) -> (Int?, Int?) {
      let depth = window.taps * input.channels / groups
      return (layer.output.count * depth, depth)
    }
    switch layer {
    case let layer as BinaryConvolution: return work(layer.window, layer.input, layer.groups)
    case let layer as BinaryWeightConvolution: return work(layer.window, layer.input, layer.groups)
    case let layer as Convolution: return work(layer.window, layer.input, layer.groups)
    case let layer as QuantizedConvolution: return work(layer.window, layer.input, layer.groups)
    default: return (nil, nil)
    }
  }
}

extension Window {
  /// Pairs of an output pixel and a tap that reads inside the image.
  fileprivate var insideTaps: Int {
    func inside(_ outputs: Int, _ inputs: Int, _ kernel: Int, _ stride: Int, _ padding: Int) -> Int {
      (0..<outputs).reduce(0) { sum, output in
        let first = output * stride - padding
        return sum + max(0, min(inputs, first + kernel) - max(0, first))
      }
    }
    return inside(outHeight, inHeight, kernelHeight, strideHeight, padTop)
      * inside(outWidth, inWidth, kernelWidth, strideWidth, padLeft)
  }
}

/// Images and labels that stand for no data.
package struct RandomBatch: Sendable {
  private let inputs: AlignedBuffer<Float>
  package let labels: [Int32]

  package init(_ configuration: RunConfiguration) {
    var random = SplitMix64(seed: 1)
    let count = configuration.batchSize * configuration.inputShape.count
    inputs = AlignedBuffer((0..<count).map { _ in random.uniform(-2, 2) })
    labels = (0..<configuration.batchSize).map { _ in
      Int32(random.index(below: configuration.classNames.count))
    }
  }

  package var training: TrainingBatch {
    TrainingBatch(inputs: UnsafeBufferPointer(inputs.elements), labels: labels)
  }
}
