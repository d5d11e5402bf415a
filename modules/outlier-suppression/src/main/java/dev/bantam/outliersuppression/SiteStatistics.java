package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Progress;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * How hard the activation at a site is to round: what is far from the rest, and where. Means are
 * over texts, as Bondarenko et al. (2023) take them.
 *
 * @param site the name of the site
 * @param min the smallest value of all texts
 * @param max the largest
 * @param infinityNorm mean of {@code max |x|}
 * @param kurtosis mean kurtosis, 3 for a Gaussian
 * @param outliers share of values more than six standard deviations from their text's mean
 * @param sqnr mean signal to noise ratio in dB that 8 bits over a text's own range would have if
 *     errors were spread evenly; every doubling of range over deviation costs 6
 * @param channels the channels; empty at matrices of token pairs
 */
public record SiteStatistics(
    String site,
    float min,
    float max,
    double infinityNorm,
    double kurtosis,
    double outliers,
    double sqnr,
    Optional<Channels> channels) {
  /** Attention and FFN outputs and their sums beside what goes into products. */
  private static final Set<Kind> SHOWN =
      Set.of(
          Kind.ATTENTION_INPUT,
          Kind.ATTENTION_QUERY,
          Kind.ATTENTION_KEY,
          Kind.ATTENTION_VALUE,
          Kind.ATTENTION_SCORES,
          Kind.ATTENTION_PROBABILITIES,
          Kind.ATTENTION_CONTEXT,
          Kind.ATTENTION_OUTPUT,
          Kind.ATTENTION_SUM,
          Kind.FFN_INPUT,
          Kind.FFN_HIDDEN,
          Kind.FFN_OUTPUT,
          Kind.FFN_SUM);

  /** Signal to noise ratio of b bits: {@code 6.02 b + 10.79 - 20 lg(range / deviation)}. */
  private static final double SQNR_OF_8_BITS = 10 * Math.log10(12.0 * 255 * 255);

  /**
   * Ranges of channels over all texts.
   *
   * @param widest number of the channel of the widest range
   * @param range its range
   * @param median the median range
   * @param asymmetry largest distance of the middle of a channel's range from zero, over half the
   *     tensor's range: near 1 where outliers are on one side
   */
  public record Channels(int widest, float range, float median, double asymmetry) {
    static Channels of(ChannelRanges ranges) {
      final int n = ranges.min().length;
      final float[] widths = new float[n];
      int widest = 0;
      double middle = 0;
      for (int j = 0; j < n; j++) {
        widths[j] = ranges.max()[j] - ranges.min()[j];
        widest = widths[j] > widths[widest] ? j : widest;
        middle = Math.max(middle, Math.abs(((double) ranges.max()[j] + ranges.min()[j]) / 2));
      }
      final float most = widths[widest];
      Arrays.sort(widths);
      final double half = ((double) ranges.tensor().max() - ranges.tensor().min()) / 2;
      return new Channels(widest, most, widths[n / 2], half == 0 ? 0 : Math.min(1, middle / half));
    }
  }

  /**
   * Measures all sites of the layers on some texts, one at a time.
   *
   * @return in forward order
   */
  public static List<SiteStatistics> measure(
      EncoderModel model, List<Encoding> texts, Progress progress) {
    final List<Site> sites =
        model.sites().stream()
            .filter(site -> SHOWN.contains(site.kind()))
            .sorted(Comparator.comparingInt(Site::layer).thenComparing(Site::kind))
            .toList();
    final Map<Site, Sums> sums = new LinkedHashMap<>();
    for (Site site : sites) {
      sums.put(site, new Sums(EncoderPlaces.width(model.architecture(), site)));
    }
    final List<Batch> single = texts.stream().map(text -> Batch.of(List.of(text))).toList();
    try (Progress.Bar bar = progress.start("Measuring activations", texts.size(), "texts")) {
      new SiteRanges(model, single)
          .forEach(sites, bar, (site, x, rows, columns) -> sums.get(site).add(x, rows));
    }
    final List<SiteStatistics> statistics = new ArrayList<>();
    sums.forEach((site, sum) -> statistics.add(sum.of(site, texts.size())));
    return statistics;
  }

  /** Sums over texts. */
  private static final class Sums {
    private final Optional<ChannelRanges> channels;
    private float min = Float.POSITIVE_INFINITY;
    private float max = Float.NEGATIVE_INFINITY;
    private double norms;
    private double kurtosis;
    private double sqnr;
    private long outliers;
    private long values;

    Sums(int width) {
      channels = width == 0 ? Optional.empty() : Optional.of(new ChannelRanges(width));
    }

    void add(float[] x, int rows) {
      final Moments moments = Moments.of(x, 0, x.length);
      final Range range = Range.of(x, 0, x.length);
      channels.ifPresent(c -> c.add(x, rows));
      min = Math.min(min, range.min());
      max = Math.max(max, range.max());
      norms += moments.infinityNorm();
      kurtosis += moments.kurtosis();
      outliers += moments.outliers();
      values += x.length;
      final double width = (double) range.max() - range.min();
      sqnr +=
          width == 0
              ? SQNR_OF_8_BITS
              : SQNR_OF_8_BITS - 20 * Math.log10(width / Math.sqrt(moments.variance()));
    }

    SiteStatistics of(Site site, int texts) {
      return new SiteStatistics(
          site.toString(),
          min,
          max,
          norms / texts,
          kurtosis / texts,
          (double) outliers / values,
          sqnr / texts,
          channels.map(Channels::of));
    }
  }
}
