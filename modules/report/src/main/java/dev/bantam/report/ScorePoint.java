package dev.bantam.report;

import java.util.ArrayList;
import java.util.List;

/**
 * A variant in a chart of scores.
 *
 * @param name of the variant, with its experiment where the name alone is not unique
 * @param family its method and level
 * @param dense whether it is what the others are compared with
 * @param x size in MB, sparsity or bits
 * @param score mean of the metric
 * @param std of the metric; 0 draws no error bar
 */
record ScorePoint(String name, Family family, boolean dense, double x, double score, double std) {
  double low() {
    return score - std;
  }

  double high() {
    return score + std;
  }

  /** Families in order of their first point. */
  static List<String> families(List<ScorePoint> points) {
    return points.stream().filter(p -> !p.dense).map(p -> p.family.name()).distinct().toList();
  }

  /**
   * The points that no other one beats in both size and score, smallest first. Of two equal ones
   * the first counts.
   */
  static List<ScorePoint> front(List<ScorePoint> points, boolean higherIsBetter) {
    final double sign = higherIsBetter ? 1 : -1;
    final List<ScorePoint> sorted = new ArrayList<>(points);
    sorted.sort(
        (a, b) ->
            a.x != b.x ? Double.compare(a.x, b.x) : Double.compare(sign * b.score, sign * a.score));
    final List<ScorePoint> front = new ArrayList<>();
    for (ScorePoint point : sorted) {
      if (front.isEmpty() || sign * point.score > sign * front.get(front.size() - 1).score) {
        front.add(point);
      }
    }
    return front;
  }
}
