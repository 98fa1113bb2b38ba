// SPDX-License-Identifier: Apache-2.0

import CSignetKernels

/// Times an engine and each of its steps, and what the machine could do at most.
package struct EngineBenchmark {
  package struct Row: Sendable {
    package let name: String
    package let milliseconds: Double
    package let binaryMACs: Int
    package let floatMACs: Int
    package let byteMACs: Int
    /// Share of the measured peak; nil for steps without multiply-adds.
    package let shareOfPeak: Double?
  }

  /// Median milliseconds of a batch.
  package let milliseconds: Double
  package let rows: [Row]
  /// Multiply-adds a second that one thread reaches on registers.
  package let peakBinary: Double
  package let peakFloat: Double
  package let peakByte: Double
  package let runs: Int

  /// Warms up, then takes medians over `runs` runs of a batch of `batch` random images.
  package init(_ engine: Engine, batch: Int, runs: Int) {
    let size = engine.plan.input.count * batch
    var random = SplitMix64(seed: 1)
    let inputs = AlignedBuffer<Float>((0..<size).map { _ in random.uniform(-2, 2) })
    let bytes = AlignedBuffer<UInt8>((0..<size).map { _ in UInt8(random.index(below: 256)) })
    let logits = AlignedBuffer<Float>(count: engine.plan.outputs * batch)
    defer { withExtendedLifetime((inputs, bytes, logits)) {} }
    let clock = ContinuousClock()
    let steps = engine.plan.steps
    // Each model reads what it computes on.
    func runOnce(observe: (Int, StepMemory, Int) -> Void = { _, _, _ in }) {
      if engine.plan.pixels != nil {
        engine.run(pixels: bytes.pointer, images: batch, logits: logits.pointer, observe: observe)
      } else {
        engine.run(inputs.pointer, images: batch, logits: logits.pointer, observe: observe)
      }
    }
    var totals: [Double] = []
    var perStep = [[Double]](repeating: [], count: steps.count)
    for run in 0..<runs + 3 {
      let total = clock.measure { runOnce() }
      if run >= 3 { totals.append(Self.milliseconds(total)) }
    }
    for run in 0..<runs + 3 {
      var last = clock.now
      runOnce { step, _, _ in
        let now = clock.now
        if run >= 3 { perStep[step].append(Self.milliseconds(last.duration(to: now))) }
        last = clock.now
      }
    }
    let kernels = engine.crew.kernels
    let peakBinary = Self.peak(clock, kernels.peak_binary)
    let peakFloat = Self.peak(clock, kernels.peak_float)
    let peakByte = Self.peak(clock, kernels.peak_bytes)
    milliseconds = Self.median(totals)
    rows = steps.indices.map { index in
      let time = Self.median(perStep[index])
      let (binary, float) = (steps[index].binaryMACs * batch, steps[index].floatMACs * batch)
      let byte = steps[index].byteMACs * batch
      let floor =
        (Double(binary) / peakBinary + Double(float) / peakFloat + Double(byte) / peakByte)
        / Double(engine.threads)
      return Row(
        name: steps[index].name, milliseconds: time, binaryMACs: binary, floatMACs: float,
        byteMACs: byte, shareOfPeak: binary + float + byte == 0 ? nil : floor * 1000 / time)
    }
    self.peakBinary = peakBinary
    self.peakFloat = peakFloat
    self.peakByte = peakByte
    self.runs = runs
  }

  private static func milliseconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) * 1e3 + Double(duration.components.attoseconds) * 1e-15
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
  }

  /// The best of several short measurements.
  private static func peak(_ clock: ContinuousClock, _ kernel: (Int) -> Double) -> Double {
    var best = 0.0
    for _ in 0..<8 {
      var work = 0.0
      let time = clock.measure { work = kernel(200_000) }
      best = max(best, work / (milliseconds(time) / 1e3))
    }
    return best
  }
}
