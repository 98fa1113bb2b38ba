// SPDX-License-Identifier: Apache-2.0

import SignetTraining
import Testing

/// Oracle: the schedules' definitions, worked out by hand.
@Suite struct ScheduleTests {
  @Test func plateauHalvesWhenTheLossStopsDecreasing() {
    var schedule = Schedule(kind: .plateau, initialRate: 0.8, totalSteps: 100)
    var rates = [schedule.rate(at: 0)]
    for loss in [2.0, 1.5, 1.5, 1.4, 1.6, 1.45, 1.39, 1.38] {
      schedule.epochEnded(loss: loss)
      rates.append(schedule.rate(at: 50))
    }
    #expect(rates == [0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.1, 0.1, 0.1])
    #expect(schedule.halvings == 3)
    #expect(schedule.lowestLoss == 1.38)
  }

  @Test func cosineGoesFromTheInitialRateToZero() {
    var schedule = Schedule(kind: .cosine, initialRate: 3e-3, totalSteps: 1000)
    #expect(schedule.rate(at: 0) == 3e-3)
    #expect(abs(schedule.rate(at: 500) - 1.5e-3) < 1e-9)
    #expect(abs(schedule.rate(at: 333) - schedule.rate(at: 0) + schedule.rate(at: 667)) < 1e-8)
    #expect(schedule.rate(at: 1000) == 0)
    #expect(schedule.rate(at: 5000) == 0)
    let rates = (0...1000).map { schedule.rate(at: $0) }
    #expect(zip(rates, rates.dropFirst()).allSatisfy { $0 > $1 })
    schedule.epochEnded(loss: 1)
    schedule.epochEnded(loss: 2)
    #expect(schedule.rate(at: 0) == 3e-3, "losses don't matter")
  }

  @Test func constantStays() {
    var schedule = Schedule(kind: .constant, initialRate: 0.25, totalSteps: 10)
    for loss in [1.0, 2, 3] { schedule.epochEnded(loss: loss) }
    #expect([0, 5, 10, 1000].map { schedule.rate(at: $0) } == [0.25, 0.25, 0.25, 0.25])
  }

  @Test func emptyRun() {
    let schedule = Schedule(kind: .cosine, initialRate: 1, totalSteps: 0)
    #expect(schedule.rate(at: 0) == 1)
  }
}
