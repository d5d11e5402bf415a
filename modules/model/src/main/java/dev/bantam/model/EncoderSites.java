package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.Site.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** The sites of an encoder and their shapes. */
final class EncoderSites {
  private final Architecture architecture;
  private final Map<String, Site> byName = new LinkedHashMap<>();

  EncoderSites(Architecture architecture, Pooling pooling, boolean readsTokens) {
    this.architecture = architecture;
    add(Site.of(Kind.EMBEDDINGS_WORD));
    add(Site.of(Kind.EMBEDDINGS_OUTPUT));
    for (int i = 0; i < architecture.layers().size(); i++) {
      for (Kind kind : Kind.OF_LAYER) {
        add(new Site(i, kind));
      }
    }
    if (readsTokens) {
      return; // a pass ends at the last layer
    }
    if (pooling == Pooling.POOLER) {
      add(Site.of(Kind.POOLER_INPUT));
    }
    add(Site.of(Kind.POOLED));
  }

  private void add(Site site) {
    byName.put(site.toString(), site);
  }

  /** All sites in forward order. */
  List<Site> all() {
    return List.copyOf(byName.values());
  }

  Site named(String name) {
    final Site site = byName.get(name);
    if (site == null) {
      throw new IllegalArgumentException(
          "There is no site '" + name + "'. The sites are " + listing() + ".");
    }
    return site;
  }

  Site check(Site site) {
    return named(site.toString());
  }

  /** The names, those of the layers once for all layers. */
  private String listing() {
    final int last = architecture.layers().size() - 1;
    return byName.values().stream()
        .filter(site -> site.layer() <= 0)
        .map(site -> site.toString().replace("layer.0.", "layer.<0 to " + last + ">."))
        .collect(Collectors.joining(", "));
  }

  /** Attention heads of the site's layer, 0 outside the layers. */
  int heads(Site site) {
    return site.kind().inLayer() ? architecture.layers().get(site.layer()).heads() : 0;
  }

  /** Width of a row, 0 at square sites. */
  int columns(Site site) {
    return switch (site.kind()) {
      case ATTENTION_SCORES, ATTENTION_PROBABILITIES -> 0;
      case ATTENTION_QUERY, ATTENTION_KEY, ATTENTION_VALUE, ATTENTION_CONTEXT ->
          heads(site) * architecture.headSize();
      case FFN_HIDDEN -> architecture.layers().get(site.layer()).ffnWidth();
      case EMBEDDINGS_WORD -> architecture.embeddings().width();
      case EMBEDDINGS_OUTPUT,
          ATTENTION_INPUT,
          ATTENTION_OUTPUT,
          ATTENTION_RESIDUAL,
          ATTENTION_SUM,
          ATTENTION_NORM,
          FFN_INPUT,
          FFN_OUTPUT,
          FFN_RESIDUAL,
          FFN_SUM,
          LAYER_OUTPUT,
          POOLER_INPUT,
          POOLED ->
          architecture.hiddenSize();
    };
  }

  /**
   * The hooks of one pass.
   *
   * @param keep whether the pass has a backward or somebody who reads values
   * @param wanted sites whose values are read
   */
  Hooks hooks(
      Batch batch,
      Shards shards,
      Attachments attachments,
      SpareMemory spare,
      boolean keep,
      Set<Site> wanted) {
    if (wanted.isEmpty() && attachments.transforms().isEmpty()) {
      return Hooks.NONE;
    }
    final List<Site> hooked = new ArrayList<>(attachments.transforms().keySet());
    wanted.stream().filter(site -> !hooked.contains(site)).forEach(hooked::add);
    hooked.sort(Attachments.FORWARD_ORDER);
    final Map<Site, SiteHook> hooks = new LinkedHashMap<>();
    for (Site site : hooked) {
      final int length = new SiteValue(site, batch, columns(site), heads(site), null).length();
      final SiteValue value =
          new SiteValue(
              site,
              batch,
              columns(site),
              heads(site),
              keep ? spare.get(site + " values", length) : null);
      hooks.put(
          site, new SiteHook(value, attachments.transform(site), value.data(), shards.pieces()));
    }
    return new Hooks(hooks);
  }
}
