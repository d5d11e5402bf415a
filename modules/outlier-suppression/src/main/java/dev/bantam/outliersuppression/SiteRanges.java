package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Progress;
import dev.bantam.model.ActivationObserver;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Model;
import dev.bantam.model.Site;
import dev.bantam.model.SiteValue;
import dev.bantam.tensor.BantamException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Measures activations of a model batch by batch; the values of one batch are held at a time. */
final class SiteRanges {
  private final EncoderModel model;
  private final List<Batch> batches;

  SiteRanges(EncoderModel model, List<Batch> batches) {
    this.model = model;
    this.batches = batches;
  }

  /** Gets the values of one site for each batch. */
  @FunctionalInterface
  interface Sink {
    /**
     * Values of a batch, before any transform at the site.
     *
     * @param x [rows, columns]; matrices of token pairs count as one row
     */
    void accept(Site site, float[] x, int rows, int columns);
  }

  /**
   * Runs all batches. The sites must have no transform of their own: it would be taken off with the
   * observer.
   */
  void forEach(List<Site> sites, Progress.Bar bar, Sink sink) {
    try {
      for (Site site : sites) {
        model.attach(site.toString(), (ActivationObserver) value -> pass(site, value, sink));
      }
      run(bar);
    } finally {
      sites.forEach(site -> model.detach(site.toString()));
    }
  }

  @SuppressWarnings("try") // the scope is what counts, not the variable
  private void run(Progress.Bar bar) {
    try (Model.Frozen frozen = model.freeze()) {
      for (Batch batch : batches) {
        model.encode(batch);
        bar.advance(batch.sequences());
      }
    }
  }

  private void pass(Site site, SiteValue value, Sink sink) {
    final float[] x = value.toArray();
    requireFinite(site, x);
    final int width = EncoderPlaces.width(model.architecture(), site);
    final int columns = width == 0 ? x.length : width;
    sink.accept(site, x, x.length / columns, columns);
  }

  private static void requireFinite(Site site, float[] x) {
    for (float value : x) {
      if (!Float.isFinite(value)) {
        throw BantamException.badInput(
            "The activation at '" + site + "' has the value " + value + " on a calibration text.");
      }
    }
  }

  /** Smallest and largest value of every channel. */
  ChannelRanges channels(Site site, Progress.Bar bar) {
    final ChannelRanges ranges = new ChannelRanges(EncoderPlaces.width(model.architecture(), site));
    forEach(List.of(site), bar, (at, x, rows, columns) -> ranges.add(x, rows));
    return ranges;
  }

  /** One range for each site. */
  Map<Site, Range> tensors(
      List<Site> sites, Observer observer, Codes codes, int bits, Progress.Bar bar) {
    final Map<Site, Observer.Accumulator> accumulators = new LinkedHashMap<>();
    sites.forEach(site -> accumulators.put(site, observer.accumulator(codes, bits)));
    forEach(sites, bar, (site, x, rows, columns) -> accumulators.get(site).add(x, rows, columns));
    final Map<Site, Range> ranges = new LinkedHashMap<>();
    accumulators.forEach((site, accumulator) -> ranges.put(site, accumulator.range()));
    return ranges;
  }

  /**
   * Groups of channels with similar ranges, and a range for each.
   *
   * @param group of each channel
   * @param ranges of the groups
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Grouped(int[] group, List<Range> ranges) {}

  /**
   * Sorts the channels of each site by the width of their ranges, so that outliers share a group,
   * and cuts them into groups of equal size (as far as that goes).
   *
   * @param groups how many; sites with fewer channels have a group for each
   */
  Map<Site, Grouped> groups(
      List<Site> sites, int groups, Observer observer, Codes codes, int bits, Progress.Bar bar) {
    final Map<Site, ChannelRanges> channels = new LinkedHashMap<>();
    sites.forEach(
        site ->
            channels.put(site, new ChannelRanges(EncoderPlaces.width(model.architecture(), site))));
    forEach(sites, bar, (site, x, rows, columns) -> channels.get(site).add(x, rows));
    final Map<Site, int[]> group = new LinkedHashMap<>();
    final Map<Site, List<int[]>> members = new LinkedHashMap<>();
    final Map<Site, List<Observer.Accumulator>> accumulators = new LinkedHashMap<>();
    channels.forEach(
        (site, ranges) -> {
          group.put(site, groupsOf(ranges, groups));
          members.put(site, members(group.get(site), Math.min(groups, ranges.min().length)));
          accumulators.put(
              site,
              IntStream.range(0, Math.min(groups, ranges.min().length))
                  .mapToObj(g -> observer.accumulator(codes, bits))
                  .toList());
        });
    forEach(
        sites,
        bar,
        (site, x, rows, columns) -> addGroups(x, rows, members.get(site), accumulators.get(site)));
    final Map<Site, Grouped> grouped = new LinkedHashMap<>();
    group.forEach(
        (site, of) ->
            grouped.put(
                site,
                new Grouped(
                    of,
                    accumulators.get(site).stream().map(Observer.Accumulator::range).toList())));
    return grouped;
  }

  static int[] groupsOf(ChannelRanges ranges, int groups) {
    final int n = ranges.min().length;
    final int count = Math.min(groups, n);
    final List<Integer> order = new ArrayList<>(IntStream.range(0, n).boxed().toList());
    order.sort(Comparator.comparingDouble(j -> (double) ranges.max()[j] - ranges.min()[j]));
    final int[] group = new int[n];
    for (int i = 0; i < n; i++) {
      group[order.get(i)] = (int) ((long) i * count / n);
    }
    return group;
  }

  /** The channels of each group. */
  private static List<int[]> members(int[] group, int groups) {
    return IntStream.range(0, groups)
        .mapToObj(
            g -> IntStream.range(0, group.length).filter(channel -> group[channel] == g).toArray())
        .toList();
  }

  private static void addGroups(
      float[] x, int rows, List<int[]> members, List<Observer.Accumulator> accumulators) {
    final int columns = x.length / rows;
    for (int g = 0; g < members.size(); g++) {
      final int[] channels = members.get(g);
      final float[] values = new float[rows * channels.length];
      int n = 0;
      for (int row = 0; row < x.length; row += columns) {
        for (int channel : channels) {
          values[n++] = x[row + channel];
        }
      }
      accumulators.get(g).add(values, rows, channels.length);
    }
  }
}
