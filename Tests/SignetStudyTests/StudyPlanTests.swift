// SPDX-License-Identifier: Apache-2.0

import SignetStudy
import SignetTraining
import Testing

/// Oracle: the settings of the paper's tables and figures, written out here.
struct StudyPlanTests {
  private func variants(_ study: StudyName, _ settings: StudySettings = MadeUp.settings()) -> [StudyVariant] {
    study.variants(settings)
  }

  private func describe(_ method: Method) -> String {
    let last = method.lastLayer == .full ? "full" : method.scaleLayer ? "binary+scale" : "binary"
    return
      "\(method.name) M\(method.binarizations) \(method.learningRate.scientific) \(method.activation.rawValue) \(last) \(method.regularizer)"
  }

  @Test func figure2ComparesNetsAndRates() {
    #expect(
      variants(.learningRate).map { describe($0.method) } == [
        "full-precision M0 1e-2 relu full none", "full-precision M0 1e-4 relu full none",
        "tang M1 1e-2 relu full bipolar:5e-07", "tang M1 1e-4 relu full bipolar:5e-07",
      ])
  }

  @Test func table2ComparesRateAndActivation() {
    let rows = variants(.activation)
    #expect(
      rows.map { describe($0.method) } == [
        "tang M1 1e-2 relu full bipolar:5e-07", "tang M1 1e-4 relu full bipolar:5e-07",
        "tang M1 1e-4 prelu full bipolar:5e-07",
      ])
    #expect(rows.compactMap(\.published?.top1) == [20.9, 36.4, 41.2])
    #expect(rows.compactMap(\.published?.top5) == [43.5, 61.3, 65.6])
    #expect(rows.compactMap(\.published?.compression) == [6.02, 6.02, 5.98])
  }

  @Test func figure3cComparesRegularizers() {
    #expect(
      variants(.regularizer, MadeUp.settings(l2: 1e-3)).map { describe($0.method) } == [
        "tang M1 1e-4 prelu full none", "tang M1 1e-4 prelu full l2:0.001",
        "tang M1 1e-4 prelu full bipolar:5e-07",
      ])
  }

  @Test func table3ComparesLastLayers() {
    let rows = variants(.lastLayer)
    #expect(
      rows.map { describe($0.method) } == [
        "tang M1 1e-4 prelu full bipolar:5e-07", "tang M1 1e-4 prelu binary bipolar:5e-07",
        "tang M1 1e-4 prelu binary+scale bipolar:5e-07",
      ])
    #expect(rows.compactMap(\.published?.top1) == [41.2, 35.8, 39.3])
    #expect(rows.compactMap(\.published?.compression) == [5.98, 27.1, 27.1])
  }

  @Test func binarizationsAreOneToFour() {
    #expect(
      variants(.binarizations, MadeUp.settings(binarizations: 3)).map { describe($0.method) }
        == (1...4).map { "tang M\($0) 1e-4 prelu binary+scale bipolar:5e-07" })
  }

  /// Every method there is, as it is; the paper's own with one plane, with two, and with those asked for.
  @Test func methodsAreAllThereAre() {
    let rows = variants(.methods, MadeUp.settings(binarizations: 3))
    for method in Method.all where method.name != "tang" {
      #expect(rows.filter { $0.method == method }.map(\.title) == [method.name])
    }
    #expect(rows.filter { $0.method.name == "tang" }.map(\.method.binarizations) == [1, 2, 3])
    #expect(rows.count == Method.all.count - 1 + 3)
  }

  @Test func settingsOfAllRunsAreTakenOver() {
    let settings = MadeUp.settings(binarizations: 2, learningRate: 3e-3, schedule: .cosine)
    for study in StudyName.all.parts {
      for method in variants(study, settings).map(\.method) {
        #expect(method.schedule == .cosine)
        let isSubject = study == .learningRate || study == .activation
        #expect(isSubject ? [1e-2, 1e-4].contains(method.learningRate) : method.learningRate == 3e-3)
        if study != .binarizations, study != .methods, method.name == "tang" {
          #expect(method.binarizations == 2)
        }
      }
    }
  }

  @Test func eachRunIsPlannedOnce() throws {
    let settings = MadeUp.settings(seeds: [5, 3])
    let plan = StudyPlan(.all, settings)
    #expect(
      plan.parts.map(\.name) == [
        .learningRate, .activation, .regularizer, .lastLayer, .binarizations, .methods,
      ])
    #expect(Set(plan.runs.map(\.folder)).count == plan.runs.count)
    // 4 + 1 + 2 + 2 + 3 of the first five studies, and of the last what none of them has: all methods but tang.
    #expect(plan.runs.count == 2 * (12 + Method.all.count - 1))
    #expect(
      plan.runs.map(\.seed) == plan.runs.map(\.seed).sorted(by: >), "all rows with one seed, then the next")
    for part in plan.parts {
      for variant in part.variants {
        let runs = plan.runs.filter { $0.method == variant.method }
        #expect(runs.map(\.seed) == [5, 3], "\(variant.title)")
        #expect(runs.allSatisfy { $0.studies.contains(part.name) && $0.label == variant.label })
      }
    }
    let table2 = try #require(plan.runs.first { $0.label == "tang-last-full" })
    #expect(table2.studies == [.activation, .regularizer, .lastLayer])
  }

  @Test func labelsSayWhatDiffers() {
    #expect(
      StudyPlan(.all, MadeUp.settings(seeds: [1])).runs.map(\.label).prefix(12) == [
        "full-precision-lr1e-2-relu", "full-precision-lr1e-4-relu", "tang-lr1e-2-relu-last-full",
        "tang-relu-last-full", "tang-last-full", "tang-last-full-no-regularizer", "tang-last-full-l2-5e-7",
        "tang-no-scale", "tang", "tang-m2", "tang-m3", "tang-m4",
      ])
    #expect(StudyPlan(.lastLayer, MadeUp.settings(seeds: [7])).runs.last?.folder == "runs/tang-seed7")
  }

  @Test(
    arguments: [
      (0.01, "1e-2"), (1e-4, "1e-4"), (0.003, "3e-3"), (5e-7, "5e-7"), (1, "1e0"), (2.5e-4, "2.5e-4"),
      (120, "1.2e2"), (1.5e10, "1.5e10"), (0, "0.0"),
    ] as [(Float, String)])
  func scientificText(value: Float, text: String) {
    #expect(value.scientific == text)
    #expect(Float(text) == value)
  }

  @Test func theCommandSaysWhatDiffers() throws {
    let plan = StudyPlan(.all, MadeUp.settings(seeds: [9]))
    func command(_ label: String) throws -> String {
      let run = try #require(plan.runs.first { $0.label == label })
      return TrainCommandText.text(
        MadeUp.configuration(run, MadeUp.settings()), networkOption: "my net.yaml", output: "it's/x")
    }
    let rest =
      "--epochs 2 --batch-size 64 --validation 100 --seed 9 --augmentation none --precision int8 --output 'it'\\''s/x'"
    let start = "signet train --data idx:data --network 'my net.yaml' --width 1.0 --method"
    #expect(try command("tang") == "\(start) tang \(rest)")
    #expect(
      try command("tang-lr1e-2-relu-last-full")
        == "\(start) tang --activation relu --last-layer full --learning-rate 1e-2 \(rest)")
    #expect(try command("tang-no-scale") == "\(start) tang --scale-layer off \(rest)")
    #expect(try command("tang-m3") == "\(start) tang --binarizations 3 \(rest)")
    let tang = try #require(plan.runs.first { $0.label == "tang" })
    var skipping = MadeUp.configuration(tang, MadeUp.settings())
    skipping.skipUnreadable = true
    #expect(
      TrainCommandText.text(skipping, networkOption: "nin", output: "x").hasSuffix(
        " --precision int8 --skip-unreadable --output x"))
    #expect(
      try command("tang-last-full-no-regularizer")
        == "\(start) tang --last-layer full --regularizer none \(rest)")
  }
}
