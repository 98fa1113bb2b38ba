// SPDX-License-Identifier: Apache-2.0

/// Times an engine and each of its steps, and what the machine could do at most.
///
/// All times are of one image, in milliseconds: those of a batch, divided by its images.
package struct EngineBenchmark {
  package struct Row: Sendable {
    package let step: StepDescription
    /// Median of the runs in which steps were timed.
    package let milliseconds: Double
    /// Share of what all threads reach on registers; nil for steps without multiply-adds.
    package let shareOfPeak: Double?
  }

  /// Whole runs, in which nothing else was timed.
  package let whole: Timings
  package let rows: [Row]
  /// Putting the input into the arena: median, as for a step.
  package let inputMilliseconds: Double
  package let peaks: MachinePeaks
  /// What the timed runs gave: whether the network was really run.
  package let results: Results
  package let warmUpRuns: Int

  /// The logits of the timed images, and of others.
  package struct Results: Sendable {
    /// Logits of one image.
    package let logits: Int
    package let least: Float
    package let greatest: Float
    /// Whether other images gave other logits.
    package let dependOnTheInput: Bool
  }

  package var runs: Int { whole.count }

  /// Share of the time that steps with multiply-adds take, of the steps' sum with the input.
  ///
  /// What such a step does in one go with its sums (thresholds, pools) counts as its time.
  package var convolutionShare: Double {
    let all = rows.reduce(inputMilliseconds) { $0 + $1.milliseconds }
    let working = rows.reduce(0) { $0 + ($1.step.multiplyAdds == nil ? 0 : $1.milliseconds) }
    return all > 0 ? working / all : 0
  }

  /// Warms up, then times runs of random images, as many as the engine takes at a time.
  ///
  /// Runs that are timed as a whole and runs whose steps are timed take turns, so that both meet the same machine.
  package init(_ engine: Engine, effort: BenchmarkEffort) {
    let batch = engine.batch
    var random = SplitMix64(seed: 1)
    let inputs = AlignedBuffer<Float>(
      (0..<engine.plan.input.count * batch).map { _ in random.uniform(-2, 2) })
    let pixels = AlignedBuffer<UInt8>(
      (0..<engine.plan.input.count * batch).map { _ in UInt8(random.index(below: 256)) })
    let logits = AlignedBuffer<Float>(count: engine.plan.outputs * batch)
    defer { withExtendedLifetime((inputs, pixels, logits)) {} }
    let clock = ContinuousClock()
    // Each model is given what it computes on.
    func start(
      observe: (Int, StepMemory, Int) -> Void = { _, _, _ in }, started: () -> Void = {}
    ) {
      if engine.plan.pixels != nil {
        engine.run(
          pixels: pixels.pointer, images: batch, logits: logits.pointer, observe: observe, started: started)
      } else {
        engine.run(
          inputs.pointer, images: batch, logits: logits.pointer, observe: observe, started: started)
      }
    }
    func run() -> Double { clock.measure { start() }.milliseconds }

    var peaks = MachinePeaks()
    if effort.measuresPeaks { peaks.measure(engine.crew) }
    var (warmUpTime, warmUpRuns) = (0.0, 0)
    while !effort.isWarm(milliseconds: warmUpTime, runs: warmUpRuns) {
      warmUpTime += run()
      warmUpRuns += 1
    }
    let steps = StepDescription.all(of: engine.plan, program: engine.model.program)
    var totals: [Double] = []
    var perStep = [[Double]](repeating: [], count: steps.count)
    var input: [Double] = []
    var total = 0.0
    while !effort.isEnough(milliseconds: total, runs: totals.count) {
      let time = run()
      totals.append(time / Double(batch))
      total += time
      var last = clock.now
      start(
        observe: { step, _, _ in
          let now = clock.now
          perStep[step].append(last.duration(to: now).milliseconds / Double(batch))
          last = clock.now
        },
        started: {
          input.append(last.duration(to: clock.now).milliseconds / Double(batch))
          last = clock.now
        })
    }
    if effort.measuresPeaks { peaks.measure(engine.crew) }
    let timed = logits.array
    for index in 0..<inputs.count {
      (inputs.pointer[index], pixels.pointer[index]) = (
        random.uniform(-2, 2), UInt8(random.index(below: 256))
      )
    }
    start()
    results = Results(
      logits: engine.plan.outputs, least: timed.min() ?? 0, greatest: timed.max() ?? 0,
      dependOnTheInput: logits.array != timed)

    whole = Timings(totals)
    inputMilliseconds = Timings(input).median
    self.peaks = peaks
    self.warmUpRuns = warmUpRuns
    rows = zip(steps, perStep).map { step, times in
      let time = Timings(times).median
      let share = step.multiplyAdds.flatMap { kind, count in
        peaks.allThreads[kind].map { Double(count) / $0 * 1e3 / time }
      }
      return Row(step: step, milliseconds: time, shareOfPeak: share)
    }
  }
}
