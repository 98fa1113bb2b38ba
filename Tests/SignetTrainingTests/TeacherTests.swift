// SPDX-License-Identifier: Apache-2.0

import Signet
import SignetTraining
import Testing

/// Runs that learn from a compact model beside the labels.
@Suite struct TeacherTests {
  /// A compact model of random weights that fits ``DeterminismTests/configuration(_:schedule:)``.
  static func model(
    seed: UInt64 = 3, _ change: (inout RunConfiguration) -> Void = { _ in }
  ) throws -> CompactModel {
    var configuration = DeterminismTests.configuration(.fullPrecision)
    configuration.seed = seed
    change(&configuration)
    return try CompactModel(bytes: Trainer(configuration, stepsPerEpoch: 1).compactModel(), path: "teacher")
  }

  /// A run that learns from `model`.
  static func configuration(
    from model: CompactModel, method: Method = .tang, weight: Float = 0.5
  ) throws -> RunConfiguration {
    var configuration = DeterminismTests.configuration(method)
    configuration.distillation = Distillation(
      teacher: "teacher", digest: model.digest, weight: weight)
    return configuration
  }

  private static func trainer(
    from model: CompactModel, _ configuration: RunConfiguration, crew: Crew
  ) throws -> Trainer {
    var trainer = try Trainer(configuration, stepsPerEpoch: 9)
    try trainer.learn(from: Teacher(model, for: configuration, crew: crew))
    return trainer
  }

  /// With the teacher's term alone, labels change nothing but the count of right answers.
  @Test func labelsDoNotMatterToATeacherWithAllTheWeight() throws {
    let (model, context) = (try Self.model(), try makeContext())
    let configuration = try Self.configuration(from: model, weight: 1)
    let inputs = randomFloats(8 * DeterminismTests.input.count, seed: 1)
    func losses(_ labels: [Int32]) throws -> [Double] {
      var trainer = try Self.trainer(from: model, configuration, crew: context.crew)
      return try (0..<4).map { _ in try trainer.train(inputs, labels, on: context).loss }
    }
    let first = try losses([0, 1, 2, 3, 4, 0, 1, 2])
    #expect(try losses([4, 4, 4, 4, 4, 4, 4, 4]) == first)
    #expect(first[3] < first[0])
  }

  /// Oracle: the teacher run on the bytes themselves, by its own mean, deviation and zero.
  @Test(arguments: [true, false], [true, false])
  func inputsBecomeTheTeachers(fromBytes: Bool, ofBytes: Bool) throws {
    let context = try makeContext()
    var method = Method.tang
    if fromBytes { method.firstLayer = .int8 }
    let model = try Self.model {
      if ofBytes { $0.method.firstLayer = .int8 }
      $0.preprocessing.mean = $0.preprocessing.mean.map { $0 * 0.6 }
      $0.preprocessing.deviation = $0.preprocessing.deviation.map { $0 * 1.7 }
      if ofBytes { $0.preprocessing = $0.preprocessing.withByteZero }
    }
    let configuration = try Self.configuration(from: model, method: method, weight: 1)
    let (shape, images) = (DeterminismTests.input, 5)
    var random = SplitMix64(seed: 12)
    let bytes = (0..<images * shape.count).map { _ in UInt8(random.next() & 255) }
    let table = configuration.preprocessing.table()
    let inputs = bytes.indices.map { table[$0 % shape.channels * 256 + Int(bytes[$0])] }
    let classes = configuration.classNames.count
    var (found, expected) = (
      [Float](repeating: 0, count: images * classes), [Float](repeating: 0, count: images * classes)
    )
    let teacher = try Teacher(model, for: configuration, crew: context.crew)
    found = try teacher.logits(of: inputs, images: images, on: context).array
    try Engine(model, crew: context.crew, batch: images).run(pixels: bytes, images: images, logits: &expected)
    expectClose(found.doubles, expected.doubles, tolerance: ofBytes ? 0 : 1e-5, "logits")
    #expect(Set(expected).count > classes)
  }

  /// Oracle: the unbroken run.
  @Test func aCheckpointKnowsItsTeacher() throws {
    let (model, context) = (try Self.model(), try makeContext())
    let configuration = try Self.configuration(from: model)
    var whole = try Self.trainer(from: model, configuration, crew: context.crew)
    try whole.trainOnNoise(steps: 2, batchSize: 8, on: context)
    var resumed = try Checkpoint(bytes: Checkpoint(whole).encoded(), path: "half").trainer
    #expect(resumed.configuration.distillation == configuration.distillation)
    #expect(throws: TrainingError.self, "without its teacher") {
      try resumed.trainOnNoise(steps: 1, batchSize: 8, on: context)
    }
    try resumed.learn(from: Teacher(model, for: resumed.configuration, crew: context.crew))
    try whole.trainOnNoise(steps: 3, batchSize: 8, on: context)
    try resumed.trainOnNoise(steps: 3, batchSize: 8, on: context)
    #expect(try Checkpoint(resumed).encoded() == Checkpoint(whole).encoded())
    var untaught = try Trainer(DeterminismTests.configuration(.tang), stepsPerEpoch: 9)
    try untaught.trainOnNoise(steps: 5, batchSize: 8, on: context)
    #expect(try untaught.compactModel() != whole.compactModel())
  }

  @Test func teachersThatDoNotFitAreRefused() throws {
    let crew = try makeContext().crew
    func refused(_ model: CompactModel, says words: [String], knowing digest: String? = nil) throws {
      var configuration = try Self.configuration(from: model)
      if let digest { configuration.distillation?.digest = digest }
      let error = #expect(throws: TrainingError.self) {
        _ = try Teacher(model, for: configuration, crew: crew)
      }
      for word in words {
        #expect(error?.description.contains(word) == true, "\(word): \(String(describing: error))")
      }
    }
    let other = try Self.model(seed: 4).digest
    try refused(Self.model(), says: ["--teacher"], knowing: other)
    try refused(Self.model { $0.classNames.swapAt(0, 1) }, says: ["classes"])
    try refused(Self.model { $0.classNames.append("one more") }, says: ["6 classes", "5"])
    try refused(
      Self.model {
        $0.preprocessing.height += 2
        $0.preprocessing.width += 2
      }, says: ["images of"])
    let run = DeterminismTests.configuration(.tang)
    #expect(throws: TrainingError.self) { _ = try Teacher(Self.model(), for: run, crew: crew) }
  }
}
