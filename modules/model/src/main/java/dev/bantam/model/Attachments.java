package dev.bantam.model;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.model.Site.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import org.nd4j.linalg.api.ndarray.INDArray;

/** What callers put on an encoder: operators, transforms and observers of sites, attention. */
final class Attachments {
  private final SortedMap<String, LinearOperator> operators = new TreeMap<>();
  private final SortedMap<Site, ActivationTransform> transforms = new TreeMap<>(FORWARD_ORDER);
  private final SortedMap<Site, List<ActivationObserver>> observers = new TreeMap<>(FORWARD_ORDER);
  private final AttentionStrategy[] attention;
  private final Activation[] activation;

  static final Comparator<Site> FORWARD_ORDER =
      Comparator.comparingInt(Attachments::depth).thenComparing(Site::kind);

  private static int depth(Site site) {
    return site.kind().compareTo(Kind.LAYER_OUTPUT) > 0 ? Integer.MAX_VALUE : site.layer();
  }

  Attachments(int layers) {
    attention = new AttentionStrategy[layers];
    Arrays.fill(attention, SoftmaxAttention.INSTANCE);
    activation = new Activation[layers];
  }

  static String attentionName(int layer) {
    return "layer." + layer + ".attention";
  }

  static String ffnName(int layer) {
    return "layer." + layer + ".ffn";
  }

  LinearOperator operator(String name) {
    return operators.get(name);
  }

  void setOperator(String name, LinearOperator operator) {
    operators.put(name, operator);
  }

  void resetOperator(String name) {
    operators.remove(name);
  }

  void attach(Site site, ActivationTransform transform) {
    if (transforms.putIfAbsent(site, transform) != null) {
      throw new IllegalStateException(
          "The site '" + site + "' has a transform; detach it before attaching another");
    }
  }

  void attach(Site site, ActivationObserver observer) {
    observers.computeIfAbsent(site, s -> new ArrayList<>()).add(observer);
  }

  void detach(Site site) {
    transforms.remove(site);
    observers.remove(site);
  }

  AttentionStrategy attention(int layer) {
    return attention[layer];
  }

  void attention(int layer, AttentionStrategy strategy) {
    attention[layer] = strategy;
  }

  /** The FFN activation that a layer has in place of the architecture's, or null. */
  Activation activation(int layer) {
    return activation[layer];
  }

  void activation(int layer, Activation other) {
    activation[layer] = other;
  }

  ActivationTransform transform(Site site) {
    return transforms.get(site);
  }

  SortedMap<Site, ActivationTransform> transforms() {
    return Collections.unmodifiableSortedMap(transforms);
  }

  SortedMap<Site, List<ActivationObserver>> observers() {
    return Collections.unmodifiableSortedMap(observers);
  }

  /** Names of whatever carries an operator, a transform, an attention or FFN variant. */
  List<String> owners() {
    final List<String> owners = new ArrayList<>(operators.keySet());
    transforms.keySet().forEach(site -> owners.add(site.toString()));
    for (int i = 0; i < attention.length; i++) {
      if (attention[i] != SoftmaxAttention.INSTANCE) {
        owners.add(attentionName(i));
      }
      if (activation[i] != null) {
        owners.add(ffnName(i));
      }
    }
    return owners;
  }

  void clear() {
    operators.clear();
    transforms.clear();
    Arrays.fill(attention, SoftmaxAttention.INSTANCE);
    Arrays.fill(activation, null);
  }

  boolean none() {
    return owners().isEmpty();
  }

  /** Trainable tensors of everything attached, by the name that the model lists them under. */
  Map<String, INDArray> parameters() {
    final Map<String, INDArray> all = new LinkedHashMap<>();
    forEach(
        (owner, parameters, factor) ->
            parameters.forEach((name, tensor) -> all.put(OwnGradients.name(owner, name), tensor)));
    return all;
  }

  /** What the learning rate of a parameter is multiplied with; 1 for the encoder's own. */
  double learningRateFactor(String name) {
    final double[] found = {1};
    forEach(
        (owner, parameters, factor) -> {
          for (String parameter : parameters.keySet()) {
            if (OwnGradients.name(owner, parameter).equals(name)) {
              found[0] = factor.applyAsDouble(parameter);
            }
          }
        });
    return found[0];
  }

  private interface Owner {
    void accept(String name, Map<String, INDArray> parameters, ToDoubleFunction<String> factor);
  }

  private void forEach(Owner body) {
    operators.forEach(
        (name, operator) ->
            body.accept(name, operator.ownParameters(), operator::learningRateFactor));
    transforms.forEach(
        (site, transform) ->
            body.accept(site.toString(), transform.parameters(), transform::learningRateFactor));
    for (int i = 0; i < attention.length; i++) {
      body.accept(attentionName(i), attention[i].parameters(), attention[i]::learningRateFactor);
    }
  }

  /** Lets transforms and attention read their parameters before a pass. */
  void prepare() {
    transforms.values().forEach(ActivationTransform::prepare);
    for (AttentionStrategy strategy : attention) {
      strategy.prepare();
    }
  }
}
